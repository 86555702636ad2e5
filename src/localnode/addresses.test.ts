import { expect, test } from 'vitest';
import { addressCount, createAddressPool, toAddress, toAddressIndex } from './addresses.ts';

test.each([
  [0, '127.77.0.1'],
  [254, '127.77.0.255'],
  [255, '127.77.1.0'],
  [3999, '127.77.15.160'],
])('index %d is %s, and back', (index, address) => {
  expect(toAddress(index)).toBe(address);
  expect(toAddressIndex(address)).toBe(index);
});

test('all addresses differ', () => {
  expect(new Set(Array.from({ length: addressCount }, (_, i) => toAddress(i))).size).toBe(addressCount);
});

test.each([
  '127.77.0.0',
  '127.77.15.161',
  '127.78.0.1',
  '127.77.0',
  '127.77.0.1.1',
  '127.77.00.1',
  '127.77.0.256',
  'x',
])('%s is no pod address', (address) => {
  expect(toAddressIndex(address)).toBeUndefined();
});

test('no two pools have the same address at once, and what is given back can be had again', async () => {
  const start = { random: () => 0.4 };
  const [one, other] = [createAddressPool(start), createAddressPool(start)];
  const a = await one.acquire();
  await using b = await other.acquire();
  expect(b.index).toBe(a.index + 1);
  expect(await other.tryAcquire(a.index)).toBeUndefined();
  await a[Symbol.asyncDispose]();
  await using again = await other.tryAcquire(a.index);
  expect(again?.address).toBe(a.address);
});

test('after the last address comes the first', async () => {
  const pool = createAddressPool({ random: () => 0.99999 });
  await using last = await pool.acquire();
  await using first = await pool.acquire();
  expect([last.index, first.index]).toEqual([addressCount - 1, 0]);
});

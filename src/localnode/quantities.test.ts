import { expect, test } from 'vitest';
import { parseBytes, parseCpuMillis, parseQuantity } from './quantities.ts';

test.each([
  ['250m', 250],
  ['1', 1000],
  ['0.5', 500],
  ['1.5', 1500],
  ['.25', 250],
  ['2e-1', 200],
  ['100u', 1],
  ['0.29', 290],
])('a cpu quantity of %s is %d millis', (text, millis) => {
  expect(parseCpuMillis(text)).toBe(millis);
});

test.each([
  ['0', 0],
  ['512Mi', 536_870_912],
  ['1.5Gi', 1_610_612_736],
  ['1G', 1_000_000_000],
  ['1e3', 1000],
  ['1E', 1e18],
  ['2E3', 2000],
  ['1500m', 2],
])('a memory quantity of %s is %d bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['', ' 1', '1 Gi', '-1', '1x', 'Mi', '1KiB', '0x10', '1e', '.'])('%j is no quantity', (text) => {
  expect(() => parseQuantity(text)).toThrow(RangeError);
});

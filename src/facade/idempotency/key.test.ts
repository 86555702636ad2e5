import { describe, expect, test } from 'vitest';
import { account } from '../../../test/support/objects.ts';
import { bodyHash, parseIdempotencyKey, recordName } from './key.ts';

describe('the hash of a body', () => {
  test.each([
    [undefined, {}, true],
    [{ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 }, true],
    [{ p: { x: 1, y: 2 } }, { p: { y: 2, x: 1 } }, true],
    [{ a: [1, 2] }, { a: [2, 1] }, false],
    [{ a: 1 }, { a: '1' }, false],
    [{}, { a: null }, false],
    [{ timeout: 900_000 }, {}, false],
  ])('%j and %j are the same: %s', (a, b, same) => expect(bodyHash(a) === bodyHash(b)).toBe(same));
});

test('keys of accounts and operations are apart, and the name is fit for an object', () => {
  const use = { account: account(), operation: 'createSession', key: 'k' } as const;
  const other = { ...account(), metadata: { ...account().metadata, uid: 'another' } };
  const names = [recordName(use), recordName({ ...use, key: 'l' }), recordName({ ...use, account: other })];
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^[a-z0-9-]{1,253}$/);
});

test.each(['a', 'k'.repeat(255), '8e03978e-40d5-43e8-bc93-6894a57f9324', ' !~'])('%j is a key', (key) =>
  expect(parseIdempotencyKey(key)).toBe(key),
);

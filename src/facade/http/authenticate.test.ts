import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { meta } from '../../../test/support/objects.ts';
import { browserAccountSpec, type BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { Problem } from '../../api/rest/problem.ts';
import { apiVersion } from '../../api/v1alpha1/group.ts';
import { apiKeyHashesOf, createAuthenticate } from './authenticate.ts';

function account(name: string, keys: readonly string[], deletionTimestamp?: string): BrowserAccount {
  const apiKeyHashes = keys.map((key) => hash('sha256', key));
  const metadata = meta(name, deletionTimestamp === undefined ? {} : { deletionTimestamp });
  return { apiVersion, kind: 'BrowserAccount', metadata, spec: browserAccountSpec.parse({ apiKeyHashes }) };
}

const accounts = [
  account('a', ['key-1', 'key-2']),
  account('b', ['key-3']),
  account('leaving', ['key-4'], '2026-01-01T00:00:00.000Z'),
];
const authenticate = createAuthenticate({
  byIndex: (_index, value) => accounts.filter((a) => apiKeyHashesOf(a).includes(value)),
});

describe('Authorization', () => {
  test.each([
    ['Bearer key-1', 'a'],
    ['Bearer key-2', 'a'],
    ['bearer key-3', 'b'],
    ['BEARER   key-3', 'b'],
  ])('%j names account %s', (header, name) => expect(authenticate(header).metadata.name).toBe(name));

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'key-1',
    'Basic key-1',
    'Bearer key-1 ',
    'Bearer key-4',
    'Bearer nobody',
  ])('%j is refused', (header) => {
    const attempt = (): unknown => authenticate(header);
    expect(attempt).toThrow(Problem);
    expect(attempt).toThrow(expect.objectContaining({ code: 'unauthorized' }) as Error);
  });

  test('an index that lies does not let anybody in', () => {
    const lying = createAuthenticate({ byIndex: () => accounts });
    expect(() => lying('Bearer nobody')).toThrow(Problem);
  });
});

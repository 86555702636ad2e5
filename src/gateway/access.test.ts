import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { account } from '../../test/support/objects.ts';
import { signToken } from '../lib/signed-token.ts';
import { decideClaim, hasKey, readCredentials, type Asked, type Credentials } from './access.ts';
import { refusals } from './refusal.ts';

const key = Buffer.from('key');
const claims = (scope: string, subject = 'mine'): Credentials => ({ claims: { subject, scope, expiresAtMs: 0 } });
const byKey: Credentials = { keyHash: 'ff' };
const cdp = (sessionUid: string | undefined, isHint = false): Asked => ({ sessionUid, isHint, scopes: ['cdp'] });
const live = (sessionUid: string): Asked => ({ sessionUid, scopes: ['live', 'live-readonly'] });
const opened = { kind: 'byToken', sessionUid: 'mine' };

describe('whom a request names, and by what right:', () => {
  test.each<[string, Credentials, Asked, object]>([
    ['a token for the session of the path', claims('cdp'), cdp('mine'), opened],
    ['a token alone', claims('cdp'), cdp(undefined), opened],
    ['a token, whatever the path hints at', claims('cdp'), cdp('another', true), opened],
    ['a token for another session', claims('cdp'), cdp('another'), refusals.noSession],
    ['a token of another scope', claims('live'), cdp('mine'), refusals.unauthorized],
    ['a token for the live view', claims('live'), live('mine'), { ...opened, scope: 'live' }],
    ['a token to look on', claims('live-readonly'), live('mine'), { ...opened, scope: 'live-readonly' }],
    ['a token for CDP at the live view', claims('cdp'), live('mine'), refusals.unauthorized],
    ['a key', byKey, cdp('mine'), { kind: 'byKey', sessionUid: 'mine', keyHash: 'ff' }],
    ['a key where the path hints', byKey, cdp('mine', true), { kind: 'byKey', sessionUid: 'mine', keyHash: 'ff' }],
    ['a key without a session', byKey, cdp(undefined), refusals.unauthorized],
    ['a key at the live view', byKey, live('mine'), refusals.unauthorized],
    ['a key beside a token for another session', { ...claims('cdp'), ...byKey }, cdp('another'), { kind: 'byKey' }],
    ['a key beside a good token', { ...claims('cdp'), ...byKey }, cdp('mine'), opened],
    ['nothing', {}, cdp('mine'), refusals.unauthorized],
  ])('%s', (_what, credentials, asked, decision) => {
    expect(decideClaim(credentials, asked)).toMatchObject(decision);
  });
});

describe('credentials', () => {
  const token = signToken(key, { subject: 's', scope: 'cdp', expiresAtMs: 10_000 });

  test.each([
    ['a good token', token, undefined, 9_000, { claims: { subject: 's', scope: 'cdp', expiresAtMs: 10_000 } }],
    ['an expired token', token, undefined, 10_000, {}],
    [
      'a token of another key',
      signToken(Buffer.from('x'), { subject: 's', scope: 'cdp', expiresAtMs: 1e6 }),
      undefined,
      0,
      {},
    ],
    ['a key', undefined, 'Bearer abc', 0, { keyHash: hash('sha256', 'abc') }],
    ['a key in small letters', undefined, 'bearer abc', 0, { keyHash: hash('sha256', 'abc') }],
    ['another scheme', undefined, 'Basic abc', 0, {}],
    ['two keys', undefined, 'Bearer abc def', 0, {}],
  ])('are read from %s', (_what, given, authorization, nowMs, credentials) => {
    expect(readCredentials({ token: given, authorization }, key, nowMs)).toEqual(credentials);
  });
});

test('a key counts when its hash stands in the account', () => {
  const [one, two, three] = ['one', 'two', 'three'].map((text) => hash('sha256', text)) as [string, string, string];
  const known = account({ apiKeyHashes: [one, two] });
  expect([hasKey(known, one), hasKey(known, two), hasKey(known, three), hasKey(known, '')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

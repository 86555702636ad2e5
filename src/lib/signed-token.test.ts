import { describe, expect, it } from 'vitest';
import { signToken, verifyToken } from './signed-token.ts';

const key = Buffer.alloc(32, 1);
const claims = { subject: '5f0c2c0e-6b1b-4f6e-9a59-6f2a5a2f0f5d', scope: 'cdp', expiresAtMs: 10_000 };
const token = signToken(key, claims);

describe('a token', () => {
  it('says again what was signed', () => {
    expect(verifyToken(key, token, 9_999)).toEqual(claims);
  });

  it('is dead when it expires', () => {
    expect(verifyToken(key, token, 10_000)).toBeUndefined();
  });

  it.each([
    ['another key', () => verifyToken(Buffer.alloc(32, 2), token, 0)],
    ['another scope', () => verifyToken(key, token.replace('.cdp.', '.live.'), 0)],
    ['another subject', () => verifyToken(key, `0${token.slice(1)}`, 0)],
    ['another expiry', () => verifyToken(key, token.replace(/\.([0-9a-z]+)\.([^.]+)$/, '.zzzzzz.$2'), 0)],
    ['a changed signature', () => verifyToken(key, `${token.slice(0, -2)}AA`, 0)],
    ['no signature', () => verifyToken(key, token.slice(0, token.lastIndexOf('.')), 0)],
    ['an empty text', () => verifyToken(key, '', 0)],
    ['dots alone', () => verifyToken(key, '...', 0)],
  ])('is refused with %s', (_name, verify) => {
    expect(verify()).toBeUndefined();
  });

  it('is refused when a part of the claims is missing, though signed', () => {
    expect(verifyToken(key, signToken(key, { ...claims, scope: '' }), 0)).toBeUndefined();
    expect(verifyToken(key, signToken(key, { ...claims, scope: 'cdp.live' }), 0)).toBeUndefined();
  });
});

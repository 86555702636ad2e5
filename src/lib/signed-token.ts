import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Compact bearer tokens: `<subject>.<scope>.<expiry>.<mac>`, where expiry is epoch seconds in base 36 and mac is the
 * base64url HMAC-SHA-256 (RFC 2104) of what stands before it. Neither subject nor scope may hold a dot.
 */
export interface TokenClaims {
  readonly subject: string;
  readonly scope: string;
  /** Epoch milliseconds; kept to the second. */
  readonly expiresAtMs: number;
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

export function signToken(key: Buffer, { subject, scope, expiresAtMs }: TokenClaims): string {
  const text = `${subject}.${scope}.${Math.ceil(expiresAtMs / 1000).toString(36)}`;
  return `${text}.${mac(key, text).toString('base64url')}`;
}

/** The claims of a token that `key` signed and that has not expired at `nowMs`; else undefined. Constant-time compare. */
export function verifyToken(key: Buffer, token: string, nowMs: number): TokenClaims | undefined {
  const cut = token.lastIndexOf('.');
  const text = token.slice(0, Math.max(cut, 0));
  const given = Buffer.from(token.slice(cut + 1), 'base64url');
  const expected = mac(key, text);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const [subject, scope, expiry, ...rest] = text.split('.');
  if (!subject || !scope || !expiry || rest.length > 0) return undefined;
  const expiresAtMs = Number.parseInt(expiry, 36) * 1000;
  return expiresAtMs > nowMs ? { subject, scope, expiresAtMs } : undefined;
}

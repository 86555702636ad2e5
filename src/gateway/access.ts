import { hash, timingSafeEqual } from 'node:crypto';
import type { BrowserAccount } from '../api/v1alpha1/browser-account.ts';
import { verifyToken, type TokenClaims } from '../lib/signed-token.ts';
import { refusals, type Refusal } from './refusal.ts';

export type TokenScope = 'cdp' | 'live' | 'live-readonly';

/** What a request shows. A token that does not verify is none. */
export interface Credentials {
  readonly claims?: TokenClaims;
  /** Lower-case hex sha256 of the Bearer API key. */
  readonly keyHash?: string;
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1: token68 after the scheme, which is case-insensitive. */
const bearerForm = /^bearer +([A-Za-z0-9._~+/-]{1,512}=*)$/i;

export interface CredentialSource {
  readonly token: string | undefined;
  readonly authorization: string | undefined;
}

export function readCredentials({ token, authorization }: CredentialSource, key: Buffer, nowMs: number): Credentials {
  const claims = token === undefined ? undefined : verifyToken(key, token, nowMs);
  const apiKey = authorization === undefined ? undefined : bearerForm.exec(authorization)?.[1];
  return {
    ...(claims && { claims }),
    ...(apiKey !== undefined && { keyHash: hash('sha256', apiKey) }),
  };
}

export interface Asked {
  /** What the path says. */
  readonly sessionUid: string | undefined;
  /** The path may mean something else by it: a token outweighs it. */
  readonly isHint?: boolean;
  readonly scopes: readonly TokenScope[];
}

/** Which session is meant, and with what it would be opened: by key, the session's account must still know the key. */
export type Claim =
  | { readonly kind: 'byToken'; readonly sessionUid: string; readonly scope: TokenScope }
  | { readonly kind: 'byKey'; readonly sessionUid: string; readonly keyHash: string };

/** The part of the decision that needs no look at the session. */
export function decideClaim({ claims, keyHash }: Credentials, asked: Asked): Claim | Refusal {
  const named = asked.sessionUid;
  const fits = claims !== undefined && (asked.scopes as readonly string[]).includes(claims.scope);
  if (fits && (named === undefined || asked.isHint || named === claims.subject))
    return { kind: 'byToken', sessionUid: claims.subject, scope: claims.scope as TokenScope };
  if (keyHash !== undefined && named !== undefined && asked.scopes.includes('cdp'))
    return { kind: 'byKey', sessionUid: named, keyHash };
  return fits ? refusals.noSession : refusals.unauthorized;
}

/** Compares every hash, each in constant time. */
export function hasKey(account: BrowserAccount, keyHash: string): boolean {
  const given = Buffer.from(keyHash);
  let found = false;
  for (const text of account.spec.apiKeyHashes) {
    const known = Buffer.from(text);
    if (known.length === given.length && timingSafeEqual(known, given)) found = true;
  }
  return found;
}

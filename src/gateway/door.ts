import { signToken } from '../lib/signed-token.ts';
import { timeoutBoundsMs } from '../api/v1alpha1/browser-session.ts';
import {
  decideClaim,
  hasKey,
  readCredentials,
  type Asked,
  type Claim,
  type CredentialSource,
  type TokenScope,
} from './access.ts';
import type { GatewayOptions } from './options.ts';
import { refusals, type Refusal } from './refusal.ts';
import type { Found, Resolve, Sandbox } from './resolve.ts';

/** Somebody who may come in, and where to. */
export interface Admitted extends Sandbox {
  readonly kind: 'admitted';
  readonly sessionUid: string;
  /** `<namespace>/<name>` of the session's account. */
  readonly account: string;
  /** With which API key; undefined with a token. */
  readonly keyHash: string | undefined;
  /** What he may do; a key may everything that CDP can. */
  readonly scope: TokenScope;
  /** A token that opens the session's DevTools: the caller's own, or one made for him. */
  readonly token: string;
}

export interface Knock extends CredentialSource, Asked {}

export type Door = (knock: Knock) => Promise<Admitted | Refusal>;

export type DoorOptions = Pick<GatewayOptions, 'accounts' | 'tokenKey' | 'clock'> & { readonly resolve: Resolve };

/** Who is it, which session is meant, does it live, may he. One answer for what is not there and what is not his. */
export function createDoor({ accounts, tokenKey, clock, resolve }: DoorOptions): Door {
  const isKnownKey = (keyHash: string): boolean => accounts.list().some((account) => hasKey(account, keyHash));
  return async (knock) => {
    const claim = decideClaim(readCredentials(knock, tokenKey, clock.now()), knock);
    if (claim.kind === 'refused') return claim;
    // Looked at before anything is read for him.
    if (claim.kind === 'byKey' && !isKnownKey(claim.keyHash)) return refusals.unauthorized;
    const found = await resolve(claim.sessionUid);
    const refusal = judge(claim, found);
    if (refusal || found.kind !== 'ready') return refusal ?? refusals.noSession;
    const { session, account, sandbox } = found;
    return {
      kind: 'admitted',
      ...sandbox,
      sessionUid: claim.sessionUid,
      account: `${account.metadata.namespace}/${account.metadata.name}`,
      ...rightsOf(claim),
      token: claim.kind === 'byToken' && knock.token ? knock.token : tokenFor(session.metadata, tokenKey),
    };
  };
}

function rightsOf(claim: Claim): Pick<Admitted, 'keyHash' | 'scope'> {
  return claim.kind === 'byKey' ? { keyHash: claim.keyHash, scope: 'cdp' } : { keyHash: undefined, scope: claim.scope };
}

function judge(claim: Claim, found: Found): Refusal | undefined {
  if (found.kind === 'none') return refusals.noSession;
  if (found.kind === 'starting') return claim.kind === 'byToken' ? refusals.starting : refusals.noSession;
  if (claim.kind === 'byKey' && !hasKey(found.account, claim.keyHash)) return refusals.noSession;
  return undefined;
}

/** Good for the longest life that a session can have. */
function tokenFor(metadata: { readonly uid: string; readonly creationTimestamp: string }, key: Buffer): string {
  const expiresAtMs = Date.parse(metadata.creationTimestamp) + timeoutBoundsMs.max;
  return signToken(key, { subject: metadata.uid, scope: 'cdp', expiresAtMs });
}

import {
  bindingExpiresAtMs,
  bindingNames,
  buildBindingSecret,
  wantsBinding,
  type BindingInput,
} from '../../core/session/binding.ts';
import { attachUrls, type PublicUrls } from '../../core/session/status.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { secrets } from '../../kube/builtins.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Logger } from '../../lib/logger.ts';
import { signToken } from '../../lib/signed-token.ts';
import type { SessionMemory } from './memory.ts';

export interface AttachDeps {
  readonly store: Store;
  readonly memory: SessionMemory;
  readonly urls: PublicUrls;
  readonly logger: Logger;
  /** HMAC key of the tokens in URLs. */
  readonly tokenKey: Buffer;
}

/**
 * Sees to it that a session whose maker wants it has its Secret, before the status says Ready and names it. Answers the Secret's name;
 * undefined when none is wanted, or when all names for it are taken: an API key attaches, too.
 */
export async function makeBinding(deps: AttachDeps, session: BrowserSession): Promise<string | undefined> {
  if (!wantsBinding(session)) return undefined;
  const { uid } = session.metadata;
  const known = session.status?.binding?.name ?? deps.memory.of(uid).bindingName;
  if (known !== undefined) return known;
  const { cdpUrl, liveViewUrl } = attachUrls(session, deps.urls);
  const expiresAtMs = bindingExpiresAtMs(session);
  const token = (scope: string): string => signToken(deps.tokenKey, { subject: uid, scope, expiresAtMs });
  const tokens = { cdp: token('cdp'), live: token('live') };
  for (const name of bindingNames(session)) {
    if (!(await tryCreate(deps.store, { session, name, cdpUrl, liveViewUrl, tokens }))) continue;
    deps.memory.note(uid, { bindingName: name });
    return name;
  }
  deps.logger.warn({ sessionUid: uid }, 'every name for the Secret of a session is taken; it gets none');
  return undefined;
}

async function tryCreate(store: Store, input: BindingInput): Promise<boolean> {
  try {
    await store.create(secrets, buildBindingSecret(input));
    return true;
  } catch (error) {
    if (!isStoreError(error, 'AlreadyExists')) throw error;
    return false;
  }
}

import { browserAccounts, type BrowserAccountStatus } from '../../api/v1alpha1/browser-account.ts';
import { readiness, withConditions } from '../../core/conditions.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import { formatTime } from '../../lib/time.ts';
import { isSaid } from '../is-said.ts';
import { isUnacknowledged, type StatusPace } from '../status-pace.ts';
import { indexes, type World } from '../world.ts';

export interface AccountDeps {
  readonly store: Store;
  readonly world: World;
  readonly clock: Clock;
  readonly pace: StatusPace;
}

/** The schema has checked all there is. */
const accepted = readiness.ready({ reason: 'Accepted', message: 'Sessions can be asked for on its account.' });

/** An account's status shows its ledger, at most once a second; the quota itself is decided on the ledger alone. */
export async function reconcileAccount({ store, world, clock, pace }: AccountDeps, key: ObjectKey): Promise<Outcome> {
  const account = world.accounts.get(key);
  if (!account) return settled;
  const dueMs = pace.dueInMs(key.name, isUnacknowledged(account));
  // Before anything is counted: thousands may wait, and every one of them brings us here.
  if (dueMs > 0) return lookAgain(dueMs, 'at most one status a second');
  const queued = world.sessions
    .byIndex(indexes.pending, key.name)
    .filter((s) => world.ledger.heldSince(s.metadata.uid) === undefined);
  const status: BrowserAccountStatus = {
    observedGeneration: account.metadata.generation ?? 1,
    activeSessions: world.ledger.active(key.name),
    queuedSessions: queued.length,
    conditions: withConditions(account.status?.conditions, accepted, formatTime(clock.now())),
  };
  const isAlready = isSaid(account.status, status);
  pace.said(key.name, isAlready ? 'already' : 'written');
  if (isAlready) return settled;
  await store
    .patchStatus(browserAccounts, key, { ...status }, { uid: account.metadata.uid })
    .catch((error: unknown) => {
      if (!isStoreError(error, 'NotFound', 'Conflict')) throw error;
    });
  return settled;
}

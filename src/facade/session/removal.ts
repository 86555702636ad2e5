import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import { createBackoff } from '../../lib/backoff.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import { withDeadline } from './patience.ts';
import type { SessionWatch } from './watch.ts';

/** Deletes a session and waits until this process sees that it is gone, so that its quota slot is free by then. */
export type RemoveSession = (session: BrowserSession) => Promise<'removed' | 'wasGone'>;

export interface RemovalOptions {
  readonly store: Store;
  readonly watch: SessionWatch;
  readonly clock: Clock;
}

const tries = 5;
/** A finalizer may hold the object; the caller does not wait for it longer than this. */
const goneDeadlineMs = 5_000;
const backoff = createBackoff({ baseMs: 20, capMs: 500, random: Math.random });

/** Throws a StoreError when the store could not be reached in all tries. */
export function createRemoval({ store, watch, clock }: RemovalOptions): RemoveSession {
  const tryDelete = async ({ metadata }: BrowserSession): Promise<'removed' | 'wasGone'> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await store.delete(browserSessions, metadata, { uid: metadata.uid });
        return 'removed';
      } catch (error) {
        // Conflict: another object has the name by now, so this one is gone.
        if (isStoreError(error, 'NotFound', 'Conflict')) return 'wasGone';
        if (attempt + 1 >= tries) throw error;
        await sleep(clock, backoff(attempt));
      }
    }
  };
  return async (session) => {
    const { name, uid } = session.metadata;
    using followed = watch.follow(name);
    const result = await tryDelete(session);
    // Gone from the store for longer than from the local copy, or gone from both: then nothing will be told any more.
    if (result === 'removed' || watch.knows(uid))
      await withDeadline(clock, goneDeadlineMs, (signal) => followed.wait(uid, () => false, signal));
    return result;
  };
}

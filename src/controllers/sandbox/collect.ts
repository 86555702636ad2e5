import { hasLeft } from '../../core/session/has-left.ts';
import { pods } from '../../kube/builtins.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { Recordings } from '../recording/start.ts';
import type { Bindings } from '../session/bindings.ts';
import type { SessionMemory } from '../session/memory.ts';
import type { OwnWrites } from '../session/own-writes.ts';
import { takeLastTraffic, type TrafficDeps } from '../session/traffic.ts';
import { indexes, type World } from '../world.ts';

export interface CollectDeps extends TrafficDeps {
  readonly store: Store;
  readonly world: World;
  readonly recordings: Pick<Recordings, 'holdMs'>;
  readonly bindings: Bindings;
  readonly memory: SessionMemory;
  readonly writes: OwnWrites;
}

/** Deletes whatever a departed session had. Safe to call for any uid, at any time, again and again. */
export async function collectSandboxes(deps: CollectDeps, sessionUid: string): Promise<Outcome> {
  const { store, world, bindings, memory, recordings } = deps;
  const session = world.sessions.byUid(sessionUid);
  if (session && !hasLeft(deps.writes.newest(session))) return settled;
  bindings.forget(sessionUid);
  const known = world.book.ofSession(sessionUid);
  const last = known && takeLastTraffic(deps, sessionUid, known);
  memory.forget(sessionUid);
  if (!session) deps.writes.forget(sessionUid);
  world.ledger.release(sessionUid);
  await last;
  const heldForMs = recordings.holdMs(sessionUid);
  if (heldForMs > 0) return lookAgain(heldForMs, 'the recording is being fetched');
  const reserved = world.book.ofSession(sessionUid);
  // A label may have been edited: what is known to be another session's is none of this one's.
  const isIts = (pod: Pod): boolean => (world.book.sessionOf(pod.metadata.uid) ?? sessionUid) === sessionUid;
  const claimed = world.pods.byIndex(indexes.sessionUid, sessionUid).filter(isIts);
  const all = new Map([...claimed, ...(reserved ? [reserved.pod] : [])].map((pod) => [pod.metadata.uid, pod]));
  for (const pod of all.values()) {
    const { uid, deletionTimestamp } = pod.metadata;
    // Its label may be shown only now, its deletion later still.
    if (deletionTimestamp || world.book.isDeleted(uid)) continue;
    await deletePod(store, pod);
    world.book.deleted(uid);
  }
  return settled;
}

export async function deletePod(store: Store, { metadata }: Pod): Promise<void> {
  await store.delete(pods, metadata, { uid: metadata.uid }).catch((error: unknown) => {
    if (!isStoreError(error, 'NotFound', 'Conflict')) throw error;
  });
}

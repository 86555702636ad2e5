import { labels } from '../../api/v1alpha1/group.ts';
import { hasLeft } from '../../core/session/has-left.ts';
import type { WorkQueue } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import { parseTime } from '../../lib/time.ts';
import type { World } from '../world.ts';
import { deletePod } from './collect.ts';

const sweepEveryMs = 30_000;

export interface SweepOptions {
  readonly world: World;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
  readonly departures: WorkQueue;
  /** Whether this operator still is the only one. */
  readonly mayGrant: () => boolean;
}

/** Every half minute: what no event will bring up any more is found and collected. */
export function startOrphanSweep(options: SweepOptions): Disposable {
  const { world, store, clock, logger, namespace, departures, mayGrant } = options;
  const sweep = async (): Promise<void> => {
    for (const uid of findOrphans(world, clock.now())) departures.add({ namespace, name: uid });
    for (const pod of findUndeleted(world)) if (mayGrant()) await deletePod(store, pod);
  };
  // Before the first lists every pod looks like an orphan.
  let isSynced = false;
  world.synced.then(
    () => (isSynced = true),
    () => undefined,
  );
  const again = (): void => {
    timer = clock.schedule(sweepEveryMs, again);
    if (isSynced && mayGrant())
      sweep().catch((err: unknown) => logger.warn({ err }, 'the orphan sweep failed; it will run again'));
  };
  let timer = clock.schedule(sweepEveryMs, again);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

/** A pod younger than this may belong to a session that a watch has not shown yet. */
const orphanAgeMs = 30_000;

/** Uids of sessions that pods belong to and that do not exist: what a crash between two writes leaves behind. */
export function findOrphans(
  { pods: podInformer, sessions }: Pick<World, 'pods' | 'sessions'>,
  nowMs: number,
): string[] {
  const uids = podInformer.list().flatMap((pod) => {
    const uid = pod.metadata.labels?.[labels.sessionUid];
    const isOld = nowMs - (parseTime(pod.metadata.creationTimestamp) ?? nowMs) >= orphanAgeMs;
    const session = uid ? sessions.byUid(uid) : undefined;
    const isOrphan = uid && isOld && !pod.metadata.deletionTimestamp && (!session || hasLeft(session));
    return isOrphan ? [uid] : [];
  });
  return [...new Set(uids)];
}

/** Pods that the operator has given up and that live on: a delete that failed. */
export function findUndeleted({ pods: podInformer, book }: Pick<World, 'pods' | 'book'>): readonly Pod[] {
  return podInformer.list().filter((pod) => {
    const isGivenUp = book.stateOf(pod.metadata.uid) === 'ending';
    return isGivenUp && !pod.metadata.deletionTimestamp;
  });
}

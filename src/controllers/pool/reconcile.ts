import { browserPools, type BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import { timeoutBoundsMs } from '../../api/v1alpha1/browser-session.ts';
import { buildSandboxPod, type SandboxSettings } from '../../core/pods/sandbox-pod.ts';
import { arrivalRateAt } from '../../core/pool/demand.ts';
import { longestWarmMs, planPool, type PoolInput, type PoolPlan } from '../../core/pool/plan.ts';
import { poolStatus } from '../../core/pool/status.ts';
import { describeTrouble } from '../../core/pods/trouble.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import type { EventRecorder } from '../../kube/controller/port.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import { createPod } from '../sandbox/create-pod.ts';
import { deletePod } from '../sandbox/collect.ts';
import { isSaid } from '../is-said.ts';
import { isUnacknowledged, type StatusPace } from '../status-pace.ts';
import { templateHashOf } from '../template-hash.ts';
import type { World } from '../world.ts';
import type { PoolHistories } from './history.ts';

export interface PoolDeps {
  readonly store: Store;
  readonly world: World;
  readonly histories: PoolHistories;
  readonly clock: Clock;
  readonly settings: SandboxSettings;
  /** Sessions that wait for their browser at this moment. */
  readonly waitingSessions: () => number;
  /** A suffix for pod names: 10 characters of [a-z0-9]. */
  readonly randomSuffix: () => string;
  readonly pace: StatusPace;
  /** Whether this operator still is the only one. */
  readonly mayGrant: () => boolean;
  readonly events?: EventRecorder;
}

/** Longest a warm sandbox's node lets it live: its time in the pool, the longest session, and an hour for its replacement. */
const warmDeadlineSeconds = (longestWarmMs + timeoutBoundsMs.max) / 1000 + 3_600;
/** Demand decays while nothing happens, and the pool shrinks with it. */
const reviewMs = 15_000;

/** gather → plan → apply for one pool. */
export async function reconcilePool(deps: PoolDeps, key: ObjectKey): Promise<Outcome> {
  const pool = deps.world.pools.get(key);
  if (!pool) return removeAllSpare(deps, key.name);
  const input = gatherPool(deps, pool);
  const plan = planPool(input);
  await applyPlan(deps, pool, plan);
  tellOfFailures(deps, pool);
  const statusDueMs = await writeStatus(deps, pool, plan);
  const nextMs = Math.min(plan.next?.afterMs ?? reviewMs, statusDueMs ?? reviewMs);
  return lookAgain(nextMs, plan.next?.because ?? 'demand changes with time');
}

async function removeAllSpare(deps: PoolDeps, pool: string): Promise<Outcome> {
  await removeAll(deps, deps.world.book.spare(pool));
  return settled;
}

/** All are given up before the first delete: no session, and no new pool of the same name, gets one that is about to go. */
async function removeAll({ store, world }: PoolDeps, entries: PoolInput['spare']): Promise<void> {
  const given = entries.map(({ pod }) => world.book.retire(pod.metadata.uid) ?? pod);
  await Promise.all(given.map((pod) => deletePod(store, pod)));
}

function gatherPool(deps: PoolDeps, pool: BrowserPool): PoolInput {
  const { name } = pool.metadata;
  const nowMs = deps.clock.monotonic();
  const runtimeHandler = deps.world.runtimeHandlerOf(pool);
  const templateHash = templateHashOf({ pool, settings: deps.settings, runtimeHandler });
  deps.histories.usesTemplate(name, templateHash);
  const history = deps.histories.of(name);
  const waitingSessions = deps.waitingSessions();
  history.heldBackSinceMs = waitingSessions > 0 ? (history.heldBackSinceMs ?? nowMs) : undefined;
  return {
    nowMs: deps.clock.now(),
    spec: pool.spec,
    counts: deps.world.book.counts(name),
    expected: deps.world.expectations.pending(name).length,
    spare: deps.world.book.spare(name),
    templateHash,
    arrivalsPerSecond: arrivalRateAt(history.demand, nowMs),
    bootTimeMs: history.demand.bootTimeMs,
    startFailures: history.startFailures,
    sinceFailureMs: nowMs - history.lastFailureMs,
    noRoomForMs: history.noRoomUntilMs - nowMs,
    waitingSessions,
    heldBackMs: nowMs - (history.heldBackSinceMs ?? nowMs),
  };
}

async function applyPlan(deps: PoolDeps, pool: BrowserPool, plan: PoolPlan): Promise<void> {
  const { settings } = deps;
  const { name } = pool.metadata;
  // Between the plan and this nothing can have been claimed: no step in between gives up the thread.
  deps.histories.gaveUp(
    name,
    plan.givenUp.map(({ pod }) => pod),
    deps.clock.monotonic(),
  );
  await removeAll(deps, plan.remove);
  // That took a while.
  if (!deps.mayGrant()) return;
  const runtimeHandler = deps.world.runtimeHandlerOf(pool);
  const templateHash = templateHashOf({ pool, settings, runtimeHandler });
  const refusals = await Promise.all(
    Array.from({ length: plan.create }, () => {
      const podName = `${name}-${deps.randomSuffix()}`;
      const pod = buildSandboxPod({
        name: podName,
        pool,
        templateHash,
        settings,
        runtimeHandler,
        activeDeadlineSeconds: warmDeadlineSeconds,
      });
      return createPod(deps, pool, pod);
    }),
  );
  // However many are refused together, they are refused for the same reason.
  const refusal = refusals.find((trouble) => trouble !== undefined);
  if (refusal) deps.histories.refused(name, refusal, deps.clock.monotonic());
  else if (plan.create > 0) deps.histories.accepted(name);
}

/** The recorder counts: as long as they fail, it says so once a minute. */
function tellOfFailures({ events, histories }: PoolDeps, pool: BrowserPool): void {
  const history = histories.of(pool.metadata.name);
  const { trouble } = history;
  if (trouble && history.startFailures > history.toldFailures) {
    const note = describeTrouble(trouble);
    events?.record(pool, { type: 'Warning', action: 'BackOff', reason: trouble.reason, note });
  }
  history.toldFailures = history.startFailures;
}

/** At most one write a second. Answers after how many milliseconds the next is due, if one is. */
async function writeStatus(
  { store, world, histories, clock, pace }: PoolDeps,
  pool: BrowserPool,
  plan: PoolPlan,
): Promise<number | undefined> {
  const { name } = pool.metadata;
  const history = histories.of(name);
  const status = poolStatus({
    pool,
    counts: world.book.counts(name),
    desiredWarm: plan.desiredWarm,
    demand: history.demand,
    startFailures: history.startFailures,
    trouble: history.trouble,
    nowMs: clock.now(),
  });
  if (isSaid(pool.status, status)) {
    pace.said(name, 'already');
    return undefined;
  }
  const dueMs = pace.dueInMs(name, isUnacknowledged(pool));
  if (dueMs > 0) return dueMs;
  pace.said(name, 'written');
  await store.patchStatus(browserPools, pool.metadata, status, { uid: pool.metadata.uid }).catch((error: unknown) => {
    if (!isStoreError(error, 'NotFound', 'Conflict')) throw error;
  });
  return undefined;
}

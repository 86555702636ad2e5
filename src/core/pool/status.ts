import type { BrowserPool, BrowserPoolStatus } from '../../api/v1alpha1/browser-pool.ts';
import { formatTime } from '../../lib/time.ts';
import { describeTrouble, type Trouble } from '../pods/trouble.ts';
import { readiness, withConditions, type ConditionRemoval, type ConditionUpdate } from '../conditions.ts';
import type { PoolCounts } from './book.ts';
import type { Demand } from './demand.ts';

export interface PoolFacts {
  readonly pool: BrowserPool;
  readonly counts: PoolCounts;
  readonly desiredWarm: number;
  readonly demand: Demand;
  readonly startFailures: number;
  /** What the last sandbox that did not come up had to say, since one has. */
  readonly trouble: Trouble | undefined;
  readonly nowMs: number;
}

export function poolStatus(facts: PoolFacts): BrowserPoolStatus {
  const { pool, counts, demand } = facts;
  return {
    observedGeneration: pool.metadata.generation ?? 1,
    replicas: counts.warm + counts.starting + counts.unschedulable + counts.claimed,
    warm: counts.warm,
    claimed: counts.claimed,
    starting: counts.starting + counts.unschedulable,
    desiredWarm: facts.desiredWarm,
    // Rounded: a status that changes in its last digit with every claim would be written for nothing.
    hitRatio: Math.round(demand.hitRatio * 100) / 100,
    bootTimeMs: Math.round(demand.bootTimeMs / 10) * 10,
    conditions: withConditions(pool.status?.conditions, conditionsOf(facts), formatTime(facts.nowMs)),
  };
}

/** So many in a row: waiting will not help. Until then it may be a node. */
export const hopelessFailures = 3;

/** A pool that was filled once stays Ready while it replaces what sessions take: who waits for it does not care for each of them. */
function conditionsOf(facts: PoolFacts): readonly (ConditionUpdate | ConditionRemoval)[] {
  const { counts, desiredWarm, startFailures, trouble } = facts;
  if (trouble) {
    const verdict = { reason: trouble.reason, message: describeTrouble(trouble) };
    return startFailures >= hopelessFailures ? readiness.stalled(verdict) : readiness.reconciling(verdict);
  }
  if (counts.unschedulable > 0)
    return readiness.reconciling({
      reason: 'Unschedulable',
      message: 'No node has room for another sandbox. Add room, or lower warm.min.',
    });
  if (counts.warm < desiredWarm && !wasFilled(facts))
    return readiness.reconciling({ reason: 'Filling', message: 'Warm sandboxes are starting.' });
  return readiness.ready({ reason: 'Filled', message: 'Warm sandboxes are kept at the size that is wanted.' });
}

/** Since its spec was last edited. */
function wasFilled({ pool: { metadata, status } }: PoolFacts): boolean {
  const isCurrent = status?.observedGeneration === (metadata.generation ?? 1);
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return isCurrent && ready?.reason === 'Filled';
}

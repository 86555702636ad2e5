import { labels } from '../../api/v1alpha1/group.ts';
import type { BrowserPoolSpec } from '../../api/v1alpha1/browser-pool.ts';
import { startingSinceMs } from '../pods/classify.ts';
import { parseTime } from '../../lib/time.ts';
import type { PoolCounts, SandboxEntry } from './book.ts';
import { warmNeeded } from './demand.ts';

/** All that a pool's plan may look at. */
export interface PoolInput {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly spec: BrowserPoolSpec;
  readonly counts: PoolCounts;
  /** Pods asked for that no watch has shown yet. */
  readonly expected: number;
  /** Warm, starting, unschedulable and failed sandboxes: those that the plan may delete. */
  readonly spare: readonly SandboxEntry[];
  readonly templateHash: string;
  readonly arrivalsPerSecond: number;
  readonly bootTimeMs: number;
  /** Sandboxes in a row that died before they were usable. */
  readonly startFailures: number;
  /** Milliseconds since the last of them. */
  readonly sinceFailureMs: number;
  /** For how many milliseconds no sandbox is made, since the API server had no room for the last one. */
  readonly noRoomForMs: number;
  /** Sessions that wait for a browser at this moment. */
  readonly waitingSessions: number;
  /** Milliseconds for which refill has been held back for them. */
  readonly heldBackMs: number;
}

export interface PoolPlan {
  readonly create: number;
  readonly remove: readonly SandboxEntry[];
  /** Those of them that had not become usable by the startup deadline. */
  readonly givenUp: readonly SandboxEntry[];
  readonly desiredWarm: number;
  /** Look again after so many milliseconds, because. */
  readonly next?: { readonly afterMs: number; readonly because: string };
}

/** More at once would slow down each other's boot, on one machine and on a cluster's scheduler alike. */
const mostStartingAtOnce = 8;
/** Booting a browser takes CPU from those who wait for theirs; but a pool under steady load must be refilled too. */
const longestHoldBackMs = 1_000;
const holdBackStepMs = 50;
/** How long a sandbox stays warm: what is left of its pod's own deadline must be enough for the longest session. */
export const longestWarmMs = 86_400_000;
const failureBackoff = { baseMs: 1_000, capMs: 60_000 } as const;

/** How many to add, which to remove. Pure; after Agones' computeReconciliationAction. */
export function planPool(input: PoolInput): PoolPlan {
  const desiredWarm = desiredWarmOf(input);
  const overdue = input.spare.filter((s) => isOverdue(s, input) && hashOf(s) === input.templateHash);
  const remove = removable(input, desiredWarm);
  const kept = input.spare.length - remove.length + input.expected;
  const missing = Math.min(
    desiredWarm - kept,
    roomOf(input),
    mostStartingAtOnce - input.counts.starting - input.expected,
  );
  const plan = { create: 0, remove, givenUp: overdue, desiredWarm };
  if (missing <= 0) return plan;
  const backoffMs = Math.max(backoffLeftMs(input), input.noRoomForMs);
  if (backoffMs > 0)
    return { ...plan, next: { afterMs: backoffMs, because: 'sandboxes of this template cannot be started' } };
  if (input.waitingSessions > 0 && input.heldBackMs < longestHoldBackMs) {
    return { ...plan, next: { afterMs: holdBackStepMs, because: 'sessions wait for their browser' } };
  }
  return { ...plan, create: missing };
}

function desiredWarmOf({ spec, arrivalsPerSecond, bootTimeMs, counts }: PoolInput): number {
  const needed = warmNeeded((arrivalsPerSecond * bootTimeMs) / 1000, spec.warm.targetHitRatio);
  const wanted = Math.min(spec.warm.max, Math.max(spec.warm.min, needed));
  return Math.max(0, Math.min(wanted, spec.maxSandboxes - counts.claimed));
}

/** How many more sandboxes stay below the pool's ceiling. */
export function roomOf({ spec, counts, expected }: Pick<PoolInput, 'spec' | 'counts' | 'expected'>): number {
  return spec.maxSandboxes - counts.claimed - counts.warm - counts.starting - counts.unschedulable - expected;
}

/** The useless first, then what is too many: unschedulable, starting, the youngest warm. */
function removable(input: PoolInput, desiredWarm: number): SandboxEntry[] {
  const useless = input.spare.filter((s) => isUseless(s, input));
  const aged = useless.length === 0 ? agedOf(input) : undefined;
  if (aged) useless.push(aged);
  const gone = new Set(useless);
  const useful = input.spare.filter((s) => !gone.has(s));
  const order = { warm: 0, starting: 1, unschedulable: 2 } as Record<string, number>;
  const byValue = useful.toSorted((a, b) => (order[a.state] ?? 3) - (order[b.state] ?? 3));
  return [...useless, ...byValue.slice(desiredWarm)];
}

/** Dead, of an old template, or not usable by its deadline. */
function isUseless(entry: SandboxEntry, input: PoolInput): boolean {
  return entry.state === 'failed' || hashOf(entry) !== input.templateHash || isOverdue(entry, input);
}

function isOverdue({ pod, state }: SandboxEntry, { spec, nowMs }: PoolInput): boolean {
  const sinceMs = startingSinceMs(pod) ?? nowMs;
  return state === 'starting' && nowMs - sinceMs >= spec.template.startupDeadlineMs;
}

/** The one that has been warm longest, if too long. One at a time, when nothing is starting: the pool stays as full as it can. */
function agedOf({ spare, counts, expected, nowMs }: PoolInput): SandboxEntry | undefined {
  if (counts.starting + expected > 0) return undefined;
  const isAged = ({ state, pod }: SandboxEntry): boolean =>
    state === 'warm' && nowMs - (parseTime(pod.metadata.creationTimestamp) ?? nowMs) >= longestWarmMs;
  return spare.find(isAged);
}

function hashOf(entry: SandboxEntry): string | undefined {
  return entry.pod.metadata.labels?.[labels.templateHash];
}

/** Milliseconds until another sandbox is tried, after so many have died while starting; not above 0: now. */
export function backoffLeftMs({
  startFailures,
  sinceFailureMs,
}: Pick<PoolInput, 'startFailures' | 'sinceFailureMs'>): number {
  if (startFailures === 0) return 0;
  return Math.min(failureBackoff.capMs, failureBackoff.baseMs * 2 ** (startFailures - 1)) - sinceFailureMs;
}

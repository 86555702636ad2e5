import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { isClaimedBy } from '../../core/pods/claim.ts';
import { hasFailed, isUnschedulable } from '../../core/pods/classify.ts';
import type { SandboxEntry } from '../../core/pool/book.ts';
import { backoffLeftMs, roomOf } from '../../core/pool/plan.ts';
import { hopelessFailures } from '../../core/pool/status.ts';
import type { SessionInput, Supply } from '../../core/session/input.ts';
import { parseTime } from '../../lib/time.ts';
import type { BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import type { Clock } from '../../lib/clock.ts';
import type { PoolHistories, PoolHistory } from '../pool/history.ts';
import { ownPodName } from '../sandbox/create-pod.ts';
import { indexes, poolNameOf, type World } from '../world.ts';
import type { Bindings } from './bindings.ts';
import type { SessionMemory, SessionNotes } from './memory.ts';

export interface GatherDeps {
  readonly world: World;
  readonly bindings: Bindings;
  readonly memory: SessionMemory;
  readonly histories: PoolHistories;
  readonly clock: Clock;
  /** Epoch milliseconds; when these controllers began. */
  readonly leadingSinceMs: number;
}

/**
 * Reads all that the decision may look at. Synchronous on purpose: nothing changes between this, the decision and the
 * charge that `apply` starts with, so no quota is granted and no sandbox promised twice.
 */
export function gatherSession(
  { world, bindings, memory, histories, clock, leadingSinceMs }: GatherDeps,
  session: BrowserSession,
  nowMs: number,
): SessionInput {
  const { uid, namespace } = session.metadata;
  const accountName = session.spec.accountRef.name;
  const account = world.accounts.get({ namespace, name: accountName });
  const poolName = poolNameOf(session, account);
  const pool = world.pools.get({ namespace, name: poolName });
  const entry = world.book.ofSession(uid);
  const notes = memory.of(uid);
  return {
    nowMs,
    session,
    account,
    pool,
    quota: world.ledger.ask(accountName, uid, account?.spec.maxConcurrentSessions ?? 0),
    behindOthers: session.spec.onQuotaExceeded === 'Queue' && isBehindOthers(world, session, poolName),
    admittedAtMs: parseTime(session.status?.admittedAt) ?? world.ledger.heldSince(uid),
    leadingSinceMs,
    supply: { ...supplyOf(world, poolName, pool), failing: failingOf(histories.of(poolName), clock.monotonic()) },
    sandbox: entry && sandboxOf(session, entry),
    sandboxExpected: world.expectations.isPending(ownPodName(poolName, uid)),
    refusal: notes.refusal,
    endingSandboxes: countEnding(world, entry, nowMs),
    binding: bindings.of(uid),
    discarded: notes.discarded,
    spent: notes.spent ?? 0,
    lastActiveAtMs: notes.lastActiveAtMs,
    wasUsed: notes.wasUsed,
    ...toldOf(session, notes),
    silence: notes.silence,
    heardAtMs: notes.heardAtMs,
    isAsked: notes.isAsked ?? false,
    unexplainedSinceMs: notes.unexplainedSinceMs,
  };
}

/** What its sandbox has told; of traffic the status may know, when another operator was told. */
function toldOf(
  { status }: BrowserSession,
  { hasIdledOut = false, upstream, upstreamSeenAtMs, traffic }: SessionNotes,
): Pick<SessionInput, 'hasIdledOut' | 'upstream' | 'upstreamSeenAtMs' | 'traffic'> {
  return { hasIdledOut, upstream, upstreamSeenAtMs, traffic: traffic ?? status?.traffic };
}

function sandboxOf(session: BrowserSession, { pod, pool, isRecorded }: SandboxEntry): SessionInput['sandbox'] {
  return {
    pod,
    isUnschedulable: isUnschedulable(pod),
    hasFailed: hasFailed(pod),
    isRecorded: isRecorded ?? false,
    isLabelled: isClaimedBy(pod, session, pool),
  };
}

function supplyOf({ book, expectations }: World, poolName: string, pool: BrowserPool | undefined): Supply {
  if (!pool) return { reservable: false, room: false };
  return {
    reservable: (book.first(poolName, 'warm') ?? book.first(poolName, 'starting')) !== undefined,
    room:
      roomOf({ spec: pool.spec, counts: book.counts(poolName), expected: expectations.pending(poolName).length }) > 0,
  };
}

function failingOf({ startFailures, lastFailureMs, trouble }: PoolHistory, nowMs: number): Supply['failing'] {
  if (!trouble || startFailures < hopelessFailures) return undefined;
  const forMs = backoffLeftMs({ startFailures, sinceFailureMs: nowMs - lastFailureMs });
  return forMs > 0 ? { trouble, forMs } : undefined;
}

/** One that should have been gone so long ago is on a node that nobody reaches: nothing is to be hoped of it. */
const overdueMs = 10_000;

function countEnding({ book }: World, own: SandboxEntry | undefined, nowMs: number): number {
  if (!own || !isUnschedulable(own.pod)) return 0;
  let count = 0;
  for (const { pod } of book.ending(own.pool))
    if (nowMs - (parseTime(pod.metadata.deletionTimestamp) ?? nowMs) < overdueMs) count += 1;
  return count;
}

/** First come, first served. One whose own pool has nothing to offer at present holds up nobody who wants another pool. */
function isBehindOthers(world: World, session: BrowserSession, poolName: string): boolean {
  const { sessions, accounts, pools, ledger } = world;
  const { namespace } = session.metadata;
  const { name } = session.spec.accountRef;
  const account = accounts.get({ namespace, name });
  const canProceed = (pool: string): boolean => {
    const { reservable, room } = supplyOf(world, pool, pools.get({ namespace, name: pool }));
    return reservable || room;
  };
  return sessions.byIndex(indexes.pending, name).some((other) => {
    if (ledger.heldSince(other.metadata.uid) !== undefined || !isOlder(other, session)) return false;
    const otherPool = poolNameOf(other, account);
    return otherPool === poolName || canProceed(otherPool);
  });
}

/** By creation time, then by uid where two have the same second. */
export function isOlder(a: BrowserSession, b: BrowserSession): boolean {
  const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return left === right ? a.metadata.uid < b.metadata.uid : left < right;
}

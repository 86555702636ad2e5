import type { TrafficTotals } from '../../api/agent/wire.ts';
import { classifySandbox } from '../../core/pods/classify.ts';
import type { SandboxEntry } from '../../core/pool/book.ts';
import type { SessionInput } from '../../core/session/input.ts';
import { trafficSince } from '../../core/session/proxy-ready.ts';
import type { Clock } from '../../lib/clock.ts';
import { SandboxError, type AgentClient } from '../../sandbox/port.ts';
import { poolNameOf } from '../world.ts';
import type { SessionMemory } from './memory.ts';

/** Bytes that were not counted before. */
export interface TrafficFacts extends TrafficTotals {
  readonly account: string;
  readonly pool: string;
}

export interface TrafficHooks {
  /** A session's sandbox received and sent so much since it was last asked. */
  traffic?(facts: TrafficFacts): void;
}

export interface TrafficDeps {
  readonly memory: SessionMemory;
  readonly agents: Pick<AgentClient, 'status'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly hooks?: TrafficHooks;
}

/** A sandbox that is about to be deleted is not waited for longer. */
const lastLookDeadlineMs = 500;
const lookDeadlineMs = 2_000;

/** Takes note of what the sandbox has told. */
export function noteTraffic(
  { memory, hooks }: TrafficDeps,
  { session, account, traffic: before }: SessionInput,
  traffic: TrafficTotals | undefined,
): void {
  if (!traffic) return;
  const name = session.spec.accountRef.name;
  memory.note(session.metadata.uid, { traffic, account: name });
  hooks?.traffic?.({ account: name, pool: poolNameOf(session, account), ...trafficSince(before, traffic) });
}

/** Asks the sandbox how upstream and traffic are. That it does not answer is no news here: other rules see to that. */
export async function lookAtUpstream(deps: TrafficDeps, input: SessionInput): Promise<boolean> {
  const { sandbox, session, nowMs } = input;
  const { uid } = session.metadata;
  if (!sandbox) return false;
  const { memory, agents, clock } = deps;
  const ref = { podUid: sandbox.pod.metadata.uid, podIp: sandbox.pod.status?.podIP ?? '', sessionUid: uid };
  try {
    const { upstream, traffic } = await agents.status(ref, AbortSignal.timeout(lookDeadlineMs));
    noteTraffic(deps, input, traffic);
    memory.note(uid, { upstreamSeenAtMs: clock.now(), ...(upstream && { upstream }) });
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    memory.note(uid, { upstreamSeenAtMs: nowMs });
  }
  return true;
}

/** The last that its sandbox has to say of a session's traffic, before the sandbox is deleted. */
export async function takeLastTraffic(
  { memory, agents, hooks }: TrafficDeps,
  sessionUid: string,
  { pod, pool }: SandboxEntry,
): Promise<void> {
  const { account, traffic: before } = memory.of(sessionUid);
  const podIp = pod.status?.podIP;
  // Of one that nobody has used, or has told of since a new operator leads, there is nothing to count.
  if (account === undefined || podIp === undefined || classifySandbox(pod) === 'failed') return;
  const ref = { podUid: pod.metadata.uid, podIp, sessionUid };
  try {
    const { traffic } = await agents.status(ref, AbortSignal.timeout(lastLookDeadlineMs));
    if (traffic) hooks?.traffic?.({ account, pool, ...trafficSince(before, traffic) });
  } catch (error) {
    // It may have ended the session by itself, and then has told with that.
    if (!(error instanceof SandboxError)) throw error;
  }
}

import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { unreadySinceMs } from '../../core/pods/classify.ts';
import type { SandboxEntry } from '../../core/pool/book.ts';
import { hasLeft } from '../../core/session/has-left.ts';
import type { SessionInput } from '../../core/session/input.ts';
import { idleTimeoutMsOf } from '../../core/session/times.ts';
import { settled, type Outcome } from '../../kube/controller/outcome.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import { SandboxError, type AgentClient, type SandboxRef } from '../../sandbox/port.ts';
import type { World } from '../world.ts';
import type { SessionMemory } from './memory.ts';
import { noteTraffic, type TrafficDeps } from './traffic.ts';

export interface AskDeps extends TrafficDeps {
  readonly world: World;
  readonly memory: SessionMemory;
  readonly agents: AgentClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The session's agent is to be asked whether it is there still; it was asked. */
  readonly onSignDue: (session: BrowserSession) => void;
  readonly onSign: (session: BrowserSession) => void;
}

const agentCallDeadlineMs = 2_000;
/** A sandbox on a node that is in trouble may be slow, and is not lost for that. Nobody waits for this answer. */
const signDeadlineMs = 5_000;

export function refOf(session: BrowserSession, { pod }: SandboxEntry): SandboxRef {
  return { podUid: pod.metadata.uid, podIp: pod.status?.podIP ?? '', sessionUid: session.metadata.uid };
}

export async function endIfIdle(deps: AskDeps, input: SessionInput): Promise<boolean> {
  const { agents, memory, clock } = deps;
  const { session, account } = input;
  const timeoutMs = idleTimeoutMsOf(session, account);
  return askAgent(deps, input, async (sandbox, signal) => {
    const { ended, idleForMs, traffic } = await agents.endIfIdle(sandbox, timeoutMs, signal);
    return () => {
      noteTraffic(deps, input, traffic);
      // Not idle by its own count: then not by ours either, or it would be asked again at once.
      memory.answered(session.metadata.uid, clock.now() - Math.min(idleForMs, timeoutMs - 1));
      memory.note(session.metadata.uid, { hasIdledOut: ended });
    };
  });
}

export async function endIfUnused(deps: AskDeps, input: SessionInput): Promise<boolean> {
  const { agents, memory } = deps;
  return askAgent(deps, input, async (sandbox, signal) => {
    const { ended } = await agents.endIfUnused(sandbox, signal);
    return () => {
      memory.answered(input.session.metadata.uid, input.lastActiveAtMs);
      memory.note(input.session.metadata.uid, { wasUsed: !ended });
    };
  });
}

/** Whoever asks comes to it in a while: where nodes are lost, many are asked and none answers, and nobody else is to wait for that. */
export function askForSign({ memory, onSignDue }: AskDeps, { session }: SessionInput): boolean {
  memory.note(session.metadata.uid, { isAsked: true });
  onSignDue(session);
  return true;
}

/** Asks the agent of one session whether it is there still. */
export async function lookForSign(deps: AskDeps, key: ObjectKey): Promise<Outcome> {
  const { agents, memory, clock, world, onSign } = deps;
  const session = world.sessions.get(key);
  if (!session || hasLeft(session)) return settled;
  const { uid } = session.metadata;
  const asking = { session, nowMs: clock.now(), deadlineMs: signDeadlineMs };
  await askAgent(deps, asking, async (sandbox, signal) => {
    await agents.status(sandbox, signal);
    return () => {
      memory.answered(uid, undefined);
      memory.note(uid, { heardAtMs: clock.now() });
    };
  });
  if (!world.sessions.byUid(uid)) return settled;
  memory.note(uid, { isAsked: false });
  onSign(session);
  return settled;
}

interface Asking extends Pick<SessionInput, 'session' | 'nowMs'> {
  readonly deadlineMs?: number;
}

type Call = (sandbox: SandboxRef, signal: AbortSignal) => Promise<() => void>;

/** What the answer means is noted, unless the session has gone meanwhile; so is silence. */
async function askAgent(
  { world, memory, clock, logger }: AskDeps,
  { session, nowMs, deadlineMs = agentCallDeadlineMs }: Asking,
  call: Call,
): Promise<boolean> {
  const { uid } = session.metadata;
  const entry = world.book.ofSession(uid);
  if (!entry) return true;
  try {
    const note = await call(refOf(session, entry), AbortSignal.timeout(deadlineMs));
    if (!world.sessions.byUid(uid)) return false;
    note();
    return true;
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    logger.info({ sessionUid: uid, because: error.message }, 'the agent of a session did not answer');
    const vain = { sinceMs: nowMs, untilMs: clock.now() };
    if (world.sessions.byUid(uid)) memory.unanswered(uid, vain, unreadySinceMs(entry.pod));
    return false;
  }
}

import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { SandboxEntry } from '../../core/pool/book.ts';
import type { SessionInput } from '../../core/session/input.ts';
import { idleTimeoutMsOf } from '../../core/session/times.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
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
  /** A call to the session's agent that nobody has waited for is over. */
  readonly onSign: (session: BrowserSession) => void;
}

const agentCallDeadlineMs = 2_000;

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

/** Beside the reconciler: where nodes are lost, many are asked at once and none answers, and others are not to wait behind them. */
export function askForSign(deps: AskDeps, input: SessionInput): boolean {
  const { agents, memory, clock, world, logger, onSign } = deps;
  const { session, lastActiveAtMs } = input;
  const { uid } = session.metadata;
  const call: Call = async (sandbox, signal) => {
    await agents.status(sandbox, signal);
    return () => {
      memory.answered(uid, lastActiveAtMs);
      memory.note(uid, { heardAtMs: clock.now() });
    };
  };
  memory.note(uid, { isAsked: true });
  const asked = askAgent(deps, input, call).catch((err: unknown) => {
    // No word about the agent: it is asked again as one that is well.
    logger.error({ err, sessionUid: uid }, 'the agent of a session could not be asked');
    memory.note(uid, { heardAtMs: clock.now() });
  });
  void asked.then(() => {
    if (!world.sessions.byUid(uid)) return;
    memory.note(uid, { isAsked: false });
    onSign(session);
  });
  return true;
}

type Call = (sandbox: SandboxRef, signal: AbortSignal) => Promise<() => void>;

/** What the answer means is noted, unless the session has gone meanwhile; so is silence. */
async function askAgent(
  { world, memory, clock }: AskDeps,
  { session, nowMs }: SessionInput,
  call: Call,
): Promise<boolean> {
  const { uid } = session.metadata;
  const entry = world.book.ofSession(uid);
  if (!entry) return true;
  try {
    const note = await call(refOf(session, entry), AbortSignal.timeout(agentCallDeadlineMs));
    if (!world.sessions.byUid(uid)) return false;
    note();
    return true;
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    if (world.sessions.byUid(uid)) memory.unanswered(uid, { sinceMs: nowMs, untilMs: clock.now() });
    return false;
  }
}

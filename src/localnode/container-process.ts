import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { Clock } from '../lib/clock.ts';
import { createBoundedLog } from './bounded-log.ts';
import { endProcesses, isInSession, killGroup } from './end-processes.ts';
import { markers, readStartTicks, type ProcessEntry, type ProcessTable, type SessionLeader } from './process-table.ts';

/** What to run for a container. */
export interface LocalCommand {
  /** Program and arguments; a program without a slash is looked up in the PATH of `env`. */
  readonly argv: readonly string[];
  /** Added to the container's own environment, which it overrides. Nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: the root folder. */
  readonly cwd?: string;
}

export interface ProcessExit {
  /** 128 + signal number when a signal ended it. */
  readonly exitCode: number;
  readonly signal?: number;
  /** The last 2 KiB of its output. */
  readonly output: string;
  /** False when some process of the container could not be killed. */
  readonly allGone: boolean;
}

/** The processes of one container: a POSIX session of their own. */
export interface ContainerProcess {
  readonly leader: SessionLeader;
  /** Resolves when the main process has ended and nothing of the container is left. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** SIGTERM to the main process the first time; SIGKILL to everything at `killAtMs` (monotonic), or the earliest named. */
  stop(killAtMs: number): void;
}

export interface ProcessContext {
  readonly containerId: string;
  readonly podDir: string;
  readonly logPath: string;
  readonly table: ProcessTable;
  readonly clock: Clock;
}

function toExit(code: number | null, signal: NodeJS.Signals | null): Pick<ProcessExit, 'exitCode' | 'signal'> {
  if (signal === null) return { exitCode: code ?? 0 };
  const number = constants.signals[signal];
  return { exitCode: 128 + number, signal: number };
}

function belongsTo(leader: SessionLeader, { containerId }: ProcessContext): (entry: ProcessEntry) => boolean {
  return (entry) => {
    if (leader.startTicks === undefined || entry.startTicks < leader.startTicks) return false;
    if (entry.origin) return entry.origin.containerId === containerId;
    return isInSession(entry, leader) || entry.marks?.containerId === containerId;
  };
}

/** A process that was missed may hold a pipe open for ever; whatever was said before is read well within this time. */
const lastWordsMs = 200;

/** Main process dead: whatever it leaves behind goes with it, as with a container's PID 1. */
async function followToEnd(child: ChildProcess, leader: SessionLeader, context: ProcessContext): Promise<ProcessExit> {
  const streams = [child.stdout, child.stderr].filter((s): s is Readable => s !== null);
  const log = createBoundedLog(context.logPath, streams);
  using _known = context.table.enlist(leader, context);
  const exit = await new Promise<Pick<ProcessExit, 'exitCode' | 'signal'>>((resolve) =>
    child.once('exit', (code, signal) => resolve(toExit(code, signal))),
  );
  killGroup(leader.pid);
  const allGone = await endProcesses({ table: context.table, isMember: belongsTo(leader, context) });
  const cut = setTimeout(() => streams.forEach((stream) => stream.destroy()), lastWordsMs);
  await log.ended;
  clearTimeout(cut);
  return { ...exit, output: log.tail(), allGone };
}

/** Kills everything now; the main process's end then does the rest. */
function killAll(leader: SessionLeader, context: ProcessContext): void {
  killGroup(leader.pid);
  void endProcesses({ table: context.table, isMember: belongsTo(leader, context) });
}

function createStop(child: ChildProcess, leader: SessionLeader, context: ProcessContext): (killAtMs: number) => void {
  let killAt = Infinity;
  let timer: Disposable | undefined;
  let ended = false;
  child.once('exit', () => {
    ended = true;
    timer?.[Symbol.dispose]();
  });
  return (killAtMs) => {
    if (ended || killAtMs >= killAt) return;
    if (killAt === Infinity) child.kill('SIGTERM');
    killAt = killAtMs;
    timer?.[Symbol.dispose]();
    const delayMs = killAtMs - context.clock.monotonic();
    if (delayMs <= 0) killAll(leader, context);
    else timer = context.clock.schedule(delayMs, () => killAll(leader, context));
  };
}

/**
 * Starts a container's main process in a new session (setsid) with its output in a bounded log file. Rejects when the
 * program cannot be executed. On systems without /proc, ending it reaches its process group only.
 */
export async function startContainerProcess(command: LocalCommand, context: ProcessContext): Promise<ContainerProcess> {
  const [program, ...args] = command.argv;
  if (program === undefined) throw new Error('the command is empty');
  const child = spawn(program, args, {
    detached: true,
    cwd: command.cwd ?? '/',
    env: { ...command.env, [markers.podDir]: context.podDir, [markers.containerId]: context.containerId },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    throw error;
  }
  // Signalling a process that has become somebody else can fail; the kill at the end of its grace does not depend on it.
  child.on('error', () => undefined);
  const startTicks = readStartTicks(pid);
  const leader: SessionLeader = { pid, ...(startTicks === undefined ? {} : { startTicks }) };
  const exited = followToEnd(child, leader, context);
  return { leader, exited, stop: createStop(child, leader, context) };
}

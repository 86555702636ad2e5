import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Environment of every process that the node starts, inherited by its children: how they are found whatever they became. */
export const markers = { podDir: 'PORTHOLE_POD_DIR', containerId: 'PORTHOLE_CONTAINER_ID' } as const;

/** Which container a process came from. */
export interface Origin {
  readonly podDir: string;
  readonly containerId: string;
}

/** The leader of a session, by pid and start time: what a container's main process is made. */
export interface SessionLeader {
  readonly pid: number;
  /** Undefined where there is no /proc. */
  readonly startTicks?: number;
}

/** One living process, as /proc shows it: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly pgrp: number;
  readonly session: number;
  /** Since boot, in clock ticks: with the pid, a name that is never given twice. */
  readonly startTicks: number;
  /** Where its session comes from, if that is one of this table's: beyond doubt, for a session cannot be joined from outside. */
  readonly origin?: Origin | undefined;
  /** Real user id; undefined when it cannot be read. */
  readonly uid?: number | undefined;
  /** What its environment says, which is what it was started with, true or not. */
  readonly marks?: Partial<Origin>;
}

export interface ProcessTable {
  /** All living processes (no zombies), read after the call. Empty where there is no /proc. */
  scan(): Promise<readonly ProcessEntry[]>;
  /** Makes a session known until disposed: its members need no closer look. */
  enlist(leader: SessionLeader, origin: Origin): Disposable;
}

type Stat = Pick<ProcessEntry, 'pid' | 'ppid' | 'pgrp' | 'session' | 'startTicks'>;

/**
 * PF_KTHREAD of include/linux/sched.h. The session would not do to tell them: it is 0 for a kernel thread, and for every process
 * whose session began outside of the pid namespace that /proc shows.
 */
const kernelThread = 0x0020_0000;

/** Undefined for a zombie (it is dead, and only its parent can remove it) and for a thread of the kernel. */
export function parseStat(text: string): Stat | undefined {
  // The second field is the command in parentheses and may hold anything, parentheses and blanks included.
  const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ', 21);
  const at = (n: number): number => Number(fields[n]);
  if (state === undefined || 'ZXx'.includes(state) || (at(5) & kernelThread) !== 0) return undefined;
  return { pid: Number.parseInt(text, 10), ppid: at(0), pgrp: at(1), session: at(2), startTicks: at(18) };
}

/** The markers of an environment as /proc/<pid>/environ holds it. */
export function parseMarkers(environ: string): Partial<Origin> {
  const variables = environ.split('\0');
  const valueOf = (name: string): string | undefined =>
    variables.find((v) => v.startsWith(`${name}=`))?.slice(name.length + 1);
  const podDir = valueOf(markers.podDir);
  const containerId = valueOf(markers.containerId);
  return { ...(podDir === undefined ? {} : { podDir }), ...(containerId === undefined ? {} : { containerId }) };
}

/** Undefined: gone meanwhile, or not ours to read. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** A stat line is shorter than this; one read and no more, since it is done for every process of the machine. */
const statBuffer = 1024;

function readStat(pid: string, buffer: Buffer): string {
  try {
    const fd = openSync(`/proc/${pid}/stat`, 'r');
    try {
      return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}

/** A process of which more than its stat line is read only when it is asked for. */
class ProcProcess implements ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly pgrp: number;
  readonly session: number;
  readonly startTicks: number;
  readonly origin: Origin | undefined;
  #uid: number | undefined;
  #marks: Partial<Origin> | undefined;

  constructor(stat: Stat, origin: Origin | undefined) {
    this.pid = stat.pid;
    this.ppid = stat.ppid;
    this.pgrp = stat.pgrp;
    this.session = stat.session;
    this.startTicks = stat.startTicks;
    this.origin = origin;
  }

  get uid(): number | undefined {
    const match = /^Uid:\s+(\d+)/m.exec(readProc(`/proc/${this.pid}/status`) ?? '');
    return (this.#uid ??= match ? Number(match[1]) : undefined);
  }

  get marks(): Partial<Origin> {
    return (this.#marks ??= parseMarkers(readProc(`/proc/${this.pid}/environ`) ?? ''));
  }
}

/** The start time of a process that may have ended already but was not waited for; undefined where there is no /proc. */
export function readStartTicks(pid: number): number | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  const ticks = text === undefined ? Number.NaN : Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isNaN(ticks) ? undefined : ticks;
}

/** Changes with every boot of the machine: pids and start times of another boot mean nothing. */
export function readBootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

function listPids(): readonly string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** How many processes are read before everybody else has a turn: about a millisecond's worth. */
const chunkSize = 32;

type KnownSessions = ReadonlyMap<number, { readonly startTicks: number; readonly origin: Origin }>;

async function scanOnce(known: KnownSessions): Promise<readonly ProcessEntry[]> {
  const entries: ProcessEntry[] = [];
  const buffer = Buffer.alloc(statBuffer);
  for (const [n, pid] of listPids().entries()) {
    if (n % chunkSize === chunkSize - 1) await nextTurn();
    const stat = parseStat(readStat(pid, buffer));
    if (!stat) continue;
    const session = known.get(stat.session);
    const isKnown = session !== undefined && stat.startTicks >= session.startTicks;
    entries.push(new ProcProcess(stat, isKnown ? session.origin : undefined));
  }
  return entries;
}

/** Callers that come while a scan is under way share the next one: many Pods may end at once. */
export function createProcessTable(): ProcessTable {
  const known = new Map<number, { readonly startTicks: number; readonly origin: Origin }>();
  let current: Promise<readonly ProcessEntry[]> = Promise.resolve([]);
  let queued: Promise<readonly ProcessEntry[]> | undefined;
  const start = (): Promise<readonly ProcessEntry[]> => {
    queued = undefined;
    current = scanOnce(known);
    return current;
  };
  return {
    scan: () => (queued ??= current.then(start, start)),
    enlist: ({ pid, startTicks }, origin) => {
      const session = { startTicks: startTicks ?? 0, origin };
      known.set(pid, session);
      return {
        [Symbol.dispose]: () => {
          if (known.get(pid) === session) known.delete(pid);
        },
      };
    },
  };
}

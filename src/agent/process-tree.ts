import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** One line of /proc/<pid>/stat, as far as it matters here. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  /** POSIX session (setsid(2)). */
  readonly session: number;
  readonly isZombie: boolean;
}

/** Undefined for what is no such line. The name in it is in brackets, and may hold brackets and spaces. */
export function parseStat(text: string): ProcessEntry | undefined {
  const pid = Number.parseInt(text, 10);
  const [state, ppid, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (!(pid > 0) || state === undefined || ppid === undefined || session === undefined) return undefined;
  return { pid, ppid: Number(ppid), session: Number(session), isZombie: state === 'Z' || state === 'X' };
}

export function listProcesses(): readonly ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return parseStat(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
      } catch {
        return []; // gone meanwhile
      }
    });
}

/**
 * Everything that `pid` has started and that lives: its descendants, and, where it leads a session, whoever else is in that: a
 * process whose parent died belongs to init, but stays in its session.
 */
export function findFamily(entries: readonly ProcessEntry[], pid: number): readonly number[] {
  const found = new Set(entries.filter((e) => e.session === pid && e.pid !== pid).map((e) => e.pid));
  const parents = new Set([pid, ...found]);
  for (let grew = true; grew;) {
    const children = entries.filter((e) => parents.has(e.ppid) && !parents.has(e.pid));
    grew = children.length > 0;
    for (const child of children) {
      parents.add(child.pid);
      found.add(child.pid);
    }
  }
  const zombies = new Set(entries.filter((e) => e.isZombie).map((e) => e.pid));
  return [...found].filter((member) => !zombies.has(member));
}

function send(signal: NodeJS.Signals, pid: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already, or turned into somebody else's: the next look says whether anything is left.
  }
}

const lookEveryMs = 10;

async function waitUntilGone(pid: number, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (findFamily(listProcesses(), pid).length > 0) {
    if (performance.now() >= deadline) return false;
    await delay(lookEveryMs);
  }
  return true;
}

/** Milliseconds until SIGKILL, and from then until one gives up: together less than a second, with time for the rest. */
const patience = { termMs: 250, killMs: 500 } as const;

/**
 * Ends everything that `pid` has started. `first` are asked by SIGTERM, and end their own; what is left after that is killed. Resolves
 * to whether all are gone. Zombies are not ours to bury: libuv buries this program's children, and their orphans go to init. So in
 * a container an init such as tini must be process 1; a local process has the machine's.
 */
export async function endFamily(pid: number, first: readonly number[]): Promise<boolean> {
  for (const member of first) send('SIGTERM', member);
  if (await waitUntilGone(pid, patience.termMs)) return true;
  // Twice: one may have forked between the look and the kill.
  for (let round = 0; round < 2; round++) {
    for (const member of findFamily(listProcesses(), pid)) send('SIGKILL', member);
    if (await waitUntilGone(pid, patience.killMs / 2)) return true;
  }
  return false;
}

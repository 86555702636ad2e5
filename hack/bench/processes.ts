import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { env } from '../../src/api/agent/contract.ts';
import { descendantsOf, type ProcessEntry } from '../../test/support/process-table.ts';

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined; // it ended, or is none of this user's business
  }
}

/** USER_HZ, which is 100 on every Linux that Node runs on: https://man7.org/linux/man-pages/man7/time.7.html */
const ticksPerSecond = 100;

/** CPU time so far of these processes, all threads, in seconds; in steps of 10 ms. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = read(pid, 'stat') ?? '';
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, n) => sum + n, 0) / ticksPerSecond;
}

const lookMs = 250;
/** Share of one core below which a tree of processes counts as quiet. */
const quietShare = 0.08;
const quietDeadlineMs = 15_000;

/** Waits until these processes have next to nothing to do, at most 15 s. They are asked for at each look. */
export async function untilAllQuiet(pidsNow: () => readonly number[], most = quietShare): Promise<void> {
  const deadline = performance.now() + quietDeadlineMs;
  for (let calm = 0; calm < 2 && performance.now() < deadline;) {
    const pids = pidsNow();
    const [before, startedAt] = [cpuSecondsOf(pids), performance.now()];
    await delay(lookMs);
    const share = ((cpuSecondsOf(pids) - before) * 1000) / (performance.now() - startedAt);
    calm = share <= most ? calm + 1 : 0;
  }
}

/** The same for the processes below `pid` and itself. */
export function untilQuiet(pid: number): Promise<void> {
  return untilAllQuiet(() => [pid, ...descendantsOf(pid).map((entry) => entry.pid)]);
}

/** Bytes. */
export interface Memory {
  /** Resident: pages shared with others count in full. */
  readonly rss: number;
  /** Proportional: a page that n processes of the machine share counts 1/n. */
  readonly pss: number;
  /** Nobody else's. */
  readonly uss: number;
}

const zero: Memory = { rss: 0, pss: 0, uss: 0 };

function kilobytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

/** https://www.kernel.org/doc/html/latest/filesystems/proc.html (smaps_rollup). Undefined when this user may not look. */
export function memoryOf(pids: readonly number[]): Memory | undefined {
  const texts = pids.map((pid) => read(pid, 'smaps_rollup'));
  if (texts.some((text) => !text)) return undefined;
  return texts.reduce<Memory>((sum, text = '') => {
    const field = (name: string): number => kilobytes(text, name);
    return {
      rss: sum.rss + field('Rss'),
      pss: sum.pss + field('Pss'),
      uss: sum.uss + field('Private_Clean') + field('Private_Dirty'),
    };
  }, zero);
}

/** Bytes that it was resident with at most so far. */
export const peakResidentOf = (pid: number): number => kilobytes(read(pid, 'status') ?? '', 'VmHWM');

interface Mapping {
  /** Same file, same place in it: pages that two processes may share. Undefined for memory without a file. */
  readonly share: string | undefined;
  readonly rss: number;
  readonly anonymous: number;
}

function mappingsOf(pid: number): Mapping[] {
  const blocks = (read(pid, 'smaps') ?? '').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).filter(Boolean);
  return blocks.map((block) => {
    const [, offset, device, inode = '0'] = /^\S+ \S+ (\S+) (\S+) (\d+)/.exec(block) ?? [];
    const share = inode === '0' ? undefined : `${device ?? ''}:${inode}:${offset ?? ''}`;
    return { share, rss: kilobytes(block, 'Rss'), anonymous: kilobytes(block, 'Anonymous') };
  });
}

/**
 * What these processes would take on a machine that runs nothing else of the kind: their own memory, and each page of a file
 * once for all of them. This is what a pod of its own pays, where PSS flatters (every Node of the machine shares the bill).
 */
export function memoryAlone(pids: readonly number[]): number {
  const files = new Map<string, number>();
  let own = 0;
  for (const { share, rss, anonymous } of pids.flatMap(mappingsOf)) {
    own += share === undefined ? rss : anonymous;
    if (share !== undefined) files.set(share, Math.max(files.get(share) ?? 0, rss - anonymous));
  }
  return own + [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** The processes of one sandbox of the local node. */
export interface SandboxProcesses {
  readonly podUid: string;
  readonly podIp: string;
  readonly agent: ProcessEntry;
  readonly proxy: ProcessEntry | undefined;
  readonly desktop: ProcessEntry | undefined;
  readonly chromium: readonly ProcessEntry[];
  /** Where Chromium's DevTools listen, on 127.0.0.1. */
  readonly devtoolsPort: number;
}

function environmentOf(pid: number): ReadonlyMap<string, string> {
  const pairs = (read(pid, 'environ') ?? '').split('\0').map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return new Map(pairs);
}

const runs = (program: string) => (entry: ProcessEntry) => entry.command.includes(`/src/cmd/${program}.ts`);
const isDesktop = ({ command }: ProcessEntry): boolean => /^\S*X(tiger)?vnc /.test(command);

/** The sandboxes that run below `pid`, whatever state they are in. */
export function sandboxesBelow(pid: number): SandboxProcesses[] {
  const all = descendantsOf(pid);
  const podOf = new Map(all.filter(runs('proxy')).map((p) => [environmentOf(p.pid).get(env.podUid), p]));
  return all.filter(runs('agent')).map((agent) => {
    const environment = environmentOf(agent.pid);
    const below = descendantsOf(agent.pid);
    const podUid = environment.get(env.podUid) ?? '';
    return {
      podUid,
      podIp: environment.get(env.podIp) ?? '',
      agent,
      proxy: podOf.get(podUid),
      desktop: below.find(isDesktop),
      chromium: below.filter((entry) => !isDesktop(entry)),
      devtoolsPort: Number(environment.get(env.devtoolsPort)),
    };
  });
}

/** Ends these at once, children first or not: none of them has anything to say any more. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended by itself
    }
  }
}

export const isRunning = (pid: number): boolean => readdirSync('/proc').includes(`${pid}`);

import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessEntry, ProcessTable, SessionLeader } from './process-table.ts';

/** Whether a process is in the leader's session. A session outlives its leader, and its number is not given again before it ends. */
export function isInSession(entry: ProcessEntry, { pid, startTicks }: SessionLeader): boolean {
  if (startTicks === undefined || entry.startTicks < startTicks) return false;
  return entry.pid === pid ? entry.startTicks === startTicks : entry.session === pid;
}

/** The entries that `isMember` names and everything they have started, wherever that has moved to. */
export function withDescendants(
  entries: readonly ProcessEntry[],
  isMember: (entry: ProcessEntry) => boolean,
): readonly ProcessEntry[] {
  const found = new Set(entries.filter(isMember));
  const pids = new Set([...found].map((e) => e.pid));
  for (let grew = true; grew;) {
    const children = entries.filter((e) => !found.has(e) && pids.has(e.ppid));
    grew = children.length > 0;
    for (const child of children) {
      found.add(child);
      pids.add(child.pid);
    }
  }
  return [...found];
}

/** SIGKILL to one process. Gone already is fine; so is not ours: the next scan says whether anything is left. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH or EPERM
  }
}

/** SIGKILL to a process group, which dies whole even while it forks. Where there is no /proc, it is all there is to go by. */
export function killGroup(pgrp: number): void {
  kill(-pgrp);
}

/** All members but this process and its own group, whatever they claim to be. */
function findMembers(
  entries: readonly ProcessEntry[],
  isMember: (entry: ProcessEntry) => boolean,
): readonly ProcessEntry[] {
  const self = entries.find((e) => e.pid === process.pid);
  const others = entries.filter((e) => e.pid > 1 && e !== self);
  return withDescendants(others, isMember).filter((e) => e.pgrp !== self?.pgrp);
}

export interface EndProcessesOptions {
  readonly table: ProcessTable;
  readonly isMember: (entry: ProcessEntry) => boolean;
  /** Default 2 s. */
  readonly limitMs?: number;
}

const firstPauseMs = 2;
const longestPauseMs = 50;

/**
 * Kills all members and their descendants until a scan finds none. Resolves with false when some are still there after
 * `limitMs` (a process in uninterruptible sleep). Waits in real time: that is what processes die in.
 */
export async function endProcesses({ table, isMember, limitMs = 2_000 }: EndProcessesOptions): Promise<boolean> {
  const giveUpAt = performance.now() + limitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const members = findMembers(await table.scan(), isMember);
    if (members.length === 0) return true;
    if (performance.now() > giveUpAt) return false;
    for (const pgrp of new Set(members.map((e) => e.pgrp))) if (pgrp > 1) killGroup(pgrp);
    for (const { pid } of members) kill(pid);
    await delay(pauseMs);
  }
}

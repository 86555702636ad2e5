import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { parseStat, readBootId } from '../../src/localnode/process-table.ts';
import { birthFile, removePid } from './managed-process.ts';

const birthShape = z.object({
  pid: z.number().int().positive(),
  startTicks: z.number().optional(),
  bootId: z.string(),
});

type Birth = z.infer<typeof birthShape>;

function readBirth(dir: string, name: string): Birth | undefined {
  try {
    return birthShape.parse(JSON.parse(readFileSync(birthFile(dir, name), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Undefined for a process that is dead, although its parent may not have taken note of it. */
function readStart(pid: number): number | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.startTicks;
  } catch {
    return undefined;
  }
}

/** A pid is given again after a while: only with its start time does it name one process. */
function isAlive({ pid, startTicks, bootId }: Birth): boolean {
  return startTicks !== undefined && bootId === readBootId() && readStart(pid) === startTicks;
}

const endLimitMs = 10_000;

/** Kills what an earlier start on this folder left running under these names, and waits until it is gone. */
export async function sweepProcesses(dir: string, names: readonly string[]): Promise<void> {
  const left = names.map((name) => readBirth(dir, name)).filter((birth) => birth !== undefined);
  const alive = left.filter(isAlive);
  for (const { pid } of alive) process.kill(pid, 'SIGKILL');
  const giveUpMs = performance.now() + endLimitMs;
  while (alive.some(isAlive)) {
    if (performance.now() > giveUpMs) throw new Error(`Processes of an earlier start in ${dir} cannot be ended.`);
    await sleep(10);
  }
  for (const name of names) removePid(dir, name);
}

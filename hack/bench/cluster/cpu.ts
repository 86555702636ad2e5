import { cpuSecondsOf } from '../processes.ts';

/** CPU milliseconds by process, in steps of 10 ms. */
export type CpuByProcess = ReadonlyMap<string, number>;

export function readCpu(pids: ReadonlyMap<string, number>): CpuByProcess {
  return new Map([...pids].map(([name, pid]) => [name, cpuSecondsOf([pid]) * 1000]));
}

/** What each has used since `before`, divided by `by`. */
export function cpuSince(before: CpuByProcess, pids: ReadonlyMap<string, number>, by = 1): CpuByProcess {
  return new Map([...readCpu(pids)].map(([name, ms]) => [name, (ms - (before.get(name) ?? 0)) / by]));
}

export const sumOf = (cpu: CpuByProcess): number => [...cpu.values()].reduce((sum, ms) => sum + ms, 0);

import type { CpuByProcess } from '../../cluster/cpu.ts';
import { latencyRow as latencyRowOf, milliseconds } from '../../latency-row.ts';
import type { Measure, Row } from '../../report.ts';

export const section = 'cluster';

export const latencyRow = (name: string, ms: readonly number[]): Row => latencyRowOf(section, name, ms);

/** The greediest first. */
export function cpuDetails(cpu: CpuByProcess): Readonly<Record<string, Measure>> {
  const sorted = [...cpu].toSorted(([, a], [, b]) => b - a);
  return Object.fromEntries(sorted.map(([name, ms]) => [name, milliseconds(ms)]));
}

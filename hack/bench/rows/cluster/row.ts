import type { CpuByProcess } from '../../cluster/cpu.ts';
import type { Measure, Row } from '../../report.ts';
import { summarize } from '../../statistics.ts';

export const section = 'cluster';

export const milliseconds = (value: number): Measure => ({ value, unit: 'ms' });

/** Median as the figure. The 99th percentile is told from 100 samples on. */
export function latencyRow(name: string, ms: readonly number[]): Row {
  const { p50, p95, p99, count } = summarize(ms);
  const details = { p95: milliseconds(p95), ...(count >= 100 && { p99: milliseconds(p99) }), n: count };
  return { section, name, figure: milliseconds(p50), details };
}

/** The greediest first. */
export function cpuDetails(cpu: CpuByProcess): Readonly<Record<string, Measure>> {
  const sorted = [...cpu].toSorted(([, a], [, b]) => b - a);
  return Object.fromEntries(sorted.map(([name, ms]) => [name, milliseconds(ms)]));
}

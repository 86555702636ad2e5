import type { Measure, Row } from './report.ts';
import { median, ratioOf, summarize } from './statistics.ts';

export const milliseconds = (value: number): Measure => ({ value, unit: 'ms' });

/** Median as the figure. The 99th percentile is told from 100 samples on. */
export function latencyRow(section: string, name: string, ms: readonly number[]): Row {
  const { p50, p95, p99, count } = summarize(ms);
  const details = { p95: milliseconds(p95), ...(count >= 100 && { p99: milliseconds(p99) }), n: count };
  return { section, name, figure: milliseconds(p50), details };
}

/** What something takes, in the order in which it was measured. */
export interface Timed {
  readonly name: string;
  readonly ms: readonly number[];
}

/** The same beside something that was measured in the same rounds. */
export function latencyRowBeside(section: string, { name, ms }: Timed, other: Timed): Row {
  return {
    ...latencyRow(section, name, ms),
    baseline: { name: other.name, figure: milliseconds(median(other.ms)) },
    ratio: ratioOf(ms, other.ms),
  };
}

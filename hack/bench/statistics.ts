import { hash } from 'node:crypto';

/** What is said about a set of samples. Units are the samples' own. */
export interface Summary {
  /** How many samples, those dropped not counted. */
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/**
 * The value below which `share` (0 … 1) of the samples lie, by linear interpolation between the two nearest ranks: type 7 of
 * Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996), as in R and NumPy. Throws when there is none.
 */
export function quantile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new Error('there are no samples');
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = share * (sorted.length - 1);
  const low = sorted[Math.floor(rank)] ?? 0;
  const high = sorted[Math.ceil(rank)] ?? 0;
  return low + (high - low) * (rank - Math.floor(rank));
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export function summarize(samples: readonly number[]): Summary {
  return {
    count: samples.length,
    p50: median(samples),
    p95: quantile(samples, 0.95),
    p99: quantile(samples, 0.99),
  };
}

/** A ratio of medians, and how far it wandered within the run. */
export interface Ratio {
  readonly value: number;
  /** The least and the greatest ratio that a quarter of the run would have given by itself. */
  readonly low: number;
  readonly high: number;
}

const quarters = 4;

/** The share of `samples` that was taken in one quarter of the run; at least one sample. */
function quarterOf(samples: readonly number[], quarter: number): readonly number[] {
  const from = Math.floor((samples.length * quarter) / quarters);
  const to = Math.floor((samples.length * (quarter + 1)) / quarters);
  return samples.slice(from, Math.max(to, from + 1));
}

/**
 * Median of `samples` over median of `baseline`, both in the order in which they were taken, one with the other. What disturbs
 * the machine for a while disturbs both; what does not shows in the spread.
 */
export function ratioOf(samples: readonly number[], baseline: readonly number[]): Ratio {
  const within = [0, 1, 2, 3].map((q) => median(quarterOf(samples, q)) / median(quarterOf(baseline, q)));
  return {
    value: median(samples) / median(baseline),
    low: Math.min(...within),
    high: Math.max(...within),
  };
}

/**
 * The items in an order of their own for each round, the same in every run. In a fixed order, rotated or not, one would always
 * have to clear up after the same other one.
 */
export function shuffled<T>(items: readonly T[], round: number): readonly T[] {
  const keyed = items.map((item, index) => ({ item, key: hash('sha1', `${round} ${index}`) }));
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ item }) => item);
}

import type { CdpConnection } from './cdp-connection.ts';
import type { Run } from './run.ts';
import { shuffled } from './statistics.ts';

const calls = 3_000;
const droppedCalls = 300;
const tellEvery = 1_000;

/** The least that Chromium can be asked (its browser process answers by itself), and the least that a page can be asked. */
export const trivialCalls = [
  { method: 'Browser.getVersion', params: {}, isOfPage: false },
  { method: 'Runtime.evaluate', params: { expression: '1' }, isOfPage: true },
] as const;
export type TrivialCall = (typeof trivialCalls)[number];

/** A way to a browser. */
export interface Way<Name extends string> {
  readonly name: Name;
  readonly cdp: CdpConnection;
}

/** Microseconds, by the name of the way. */
export type CallSamples<Name extends string> = ReadonlyMap<Name, number[]>;

export const noCallSamples = <Name extends string>(ways: readonly Way<Name>[]): CallSamples<Name> =>
  new Map(ways.map(({ name }) => [name, []]));

export interface WaysToBrowser<Name extends string> {
  /** For whoever follows the progress. */
  readonly title: string;
  readonly ways: readonly Way<Name>[];
  /** A page's CDP session by way. */
  readonly pages: ReadonlyMap<Name, string>;
}

/** A call on each way once, in an order that changes, and again. */
export async function timeCalls<Name extends string>(
  run: Run,
  { method, params, isOfPage }: TrivialCall,
  { title, ways, pages }: WaysToBrowser<Name>,
): Promise<CallSamples<Name>> {
  let samples = noCallSamples(ways);
  const dropped = run.samples(droppedCalls);
  const all = run.samples(calls) + dropped;
  for (let round = 0; round < all; round++) {
    if (round === dropped) samples = noCallSamples(ways);
    if (round % tellEvery === 0) run.progress(`${title}: ${method} ${round} of ${all} on each of ${ways.length} ways`);
    for (const { name, cdp } of shuffled(ways, round)) {
      const startedAt = performance.now();
      await cdp.call(method, params, isOfPage ? pages.get(name) : undefined);
      samples.get(name)?.push((performance.now() - startedAt) * 1000);
    }
  }
  return samples;
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Created } from './caller.ts';
import { milliseconds } from './latency-row.ts';
import type { Porthole } from './porthole.ts';
import type { Row } from './report.ts';
import type { Run } from './run.ts';
import { median, ratioOf, shuffled, summarize } from './statistics.ts';

/** How much more than the plain create, besides what the capability costs by itself. */
export const factor = 1.5;

/** A capability beside the same session without it. */
export interface Capability {
  /** What the row says: "warm POST with … → 201". */
  readonly name: string;
  readonly plain: object;
  readonly wish: object;
  /** What it cannot be had without, whoever does it. */
  readonly bareName: string;
  /** Milliseconds that this takes by itself, in a session that was created without the capability. */
  bare(session: Created): Promise<number>;
}

/** Milliseconds, in the order of the rounds. */
export interface CapabilitySamples {
  readonly plain: number[];
  readonly bare: number[];
  readonly with: number[];
}

/** Pure. Round by round, as a busy moment is shared by what a round consists of. */
export function toCapabilityRow(section: string, { name, bareName }: Capability, samples: CapabilitySamples): Row {
  const { plain, bare } = samples;
  const allowed = plain.map((ms, i) => factor * ms + (bare[i] ?? 0));
  const { p50, p95, count } = summarize(samples.with);
  return {
    section,
    name: `warm POST with ${name} → 201`,
    figure: milliseconds(p50),
    details: {
      p95: milliseconds(p95),
      without: milliseconds(median(plain)),
      [bareName]: milliseconds(median(bare)),
      n: count,
    },
    baseline: { name: `${factor} × without + ${bareName}`, figure: milliseconds(median(allowed)) },
    ratio: ratioOf(samples.with, allowed),
    target: { of: 'ratio', atMost: 1 },
  };
}

const droppedRounds = 1;
/** Before each of them: whatever the one before has left to do is done. */
const pauseMs = 300;

export interface CapabilityRun {
  readonly section: string;
  readonly porthole: Porthole;
  readonly capabilities: readonly Capability[];
  readonly rounds: number;
}

/** The pool that a round takes: a plain session and one with the capability, of each. */
export function poolFor(capabilities: readonly unknown[]): Readonly<Record<`PORTHOLE_${string}`, number>> {
  const size = 2 * capabilities.length;
  return {
    PORTHOLE_MAX_CONCURRENT_SESSIONS: 100,
    PORTHOLE_WARM_MIN: size,
    PORTHOLE_WARM_MAX: size,
    PORTHOLE_MAX_SANDBOXES: size,
  };
}

const noSamples = (): CapabilitySamples => ({ plain: [], bare: [], with: [] });

interface Taking {
  readonly porthole: Porthole;
  readonly round: number;
}

/** A session without and one with, in turn the one or the other first; then what the capability costs by itself. */
async function takePair({ porthole, round }: Taking, capability: Capability, into: CapabilitySamples) {
  const create = async (wish: object): Promise<Created> => {
    await delay(pauseMs);
    return porthole.create(wish);
  };
  const taken: string[] = [];
  const plain = async (): Promise<Created> => {
    const created = await create(capability.plain);
    into.plain.push(created.ms);
    return created;
  };
  const wished = async (): Promise<void> => {
    const { ms, id } = await create(capability.wish);
    into.with.push(ms);
    taken.push(id);
  };
  if (round % 2 === 1) await wished();
  const session = await plain();
  if (round % 2 === 0) await wished();
  await delay(pauseMs);
  into.bare.push(await capability.bare(session));
  return [...taken, session.id];
}

/** Adds a row for each capability: warm sessions with it beside warm ones without, on a pool of `poolFor` them. */
export async function measureCapabilities(run: Run, measured: CapabilityRun): Promise<void> {
  const { section, porthole, capabilities } = measured;
  let samples = capabilities.map(noSamples);
  const all = run.samples(measured.rounds) + droppedRounds;
  for (let round = 0; round < all; round += 1) {
    run.progress(`${section}: round ${round + 1} of ${all} (the first does not count)`);
    if (round === droppedRounds) samples = capabilities.map(noSamples);
    await porthole.untilWarm(2 * capabilities.length);
    const taken: string[] = [];
    for (const [index, capability] of shuffled([...capabilities.entries()], round)) {
      taken.push(...(await takePair({ porthole, round }, capability, samples[index] ?? noSamples())));
    }
    for (const id of taken) await porthole.end(id);
  }
  for (const [index, capability] of capabilities.entries()) {
    run.add(toCapabilityRow(section, capability, samples[index] ?? noSamples()));
  }
}

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
  /** One or two. */
  readonly capabilities: readonly Capability[];
  readonly rounds: number;
  /** Pairs of sessions in a round, of all capabilities together. */
  readonly pairs: number;
}

/** Settings of Porthole for so many pairs: a round takes all warm sandboxes, and there is no room for more, so that nothing boots meanwhile. */
export function knobsFor(pairs: number): Readonly<Record<`PORTHOLE_${string}`, number>> {
  const pool = 2 * pairs;
  return {
    PORTHOLE_MAX_CONCURRENT_SESSIONS: 100,
    PORTHOLE_WARM_MIN: pool,
    PORTHOLE_WARM_MAX: pool,
    PORTHOLE_MAX_SANDBOXES: pool,
  };
}

const noSamples = (): CapabilitySamples => ({ plain: [], bare: [], with: [] });

interface Taking {
  readonly porthole: Porthole;
  /** Counts pairs: of each second one the session with the capability comes first. */
  readonly index: number;
}

/** A session without and one with, in turn the one or the other first; then what the capability costs by itself. */
async function takePair({ porthole, index }: Taking, capability: Capability, into: CapabilitySamples) {
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
  if (index % 2 === 1) await wished();
  const session = await plain();
  if (index % 2 === 0) await wished();
  await delay(pauseMs);
  into.bare.push(await capability.bare(session));
  return [...taken, session.id];
}

interface Measured {
  readonly capability: Capability;
  samples: CapabilitySamples;
}

async function takeRound({ porthole, pairs }: CapabilityRun, all: readonly Measured[], round: number): Promise<void> {
  const taken: string[] = [];
  for (const i of shuffled([...Array(pairs).keys()], round)) {
    const measured = all[i % all.length];
    if (!measured) continue;
    taken.push(...(await takePair({ porthole, index: round + i }, measured.capability, measured.samples)));
  }
  for (const id of taken) await porthole.end(id);
}

/** Adds a row for each capability: warm sessions with it beside warm ones without. */
export async function measureCapabilities(run: Run, measured: CapabilityRun): Promise<void> {
  const { section, porthole, capabilities, rounds, pairs } = measured;
  const all = capabilities.map((capability): Measured => ({ capability, samples: noSamples() }));
  const count = run.samples(rounds) + droppedRounds;
  for (let round = 0; round < count; round += 1) {
    run.progress(`${section}: round ${round + 1} of ${count} (the first does not count)`);
    if (round === droppedRounds) for (const each of all) each.samples = noSamples();
    await porthole.untilWarm(2 * pairs);
    await takeRound(measured, all, round);
  }
  for (const { capability, samples } of all) run.add(toCapabilityRow(section, capability, samples));
}

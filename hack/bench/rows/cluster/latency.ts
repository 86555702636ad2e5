import type { BareChain } from '../../cluster/bare-chain.ts';
import type { ClusterWorld } from '../../cluster/world.ts';
import { milliseconds } from '../../latency-row.ts';
import { latencyRow } from './row.ts';
import type { Run } from '../../run.ts';
import { median, ratioOf } from '../../statistics.ts';
import { setTimeout as delay } from 'node:timers/promises';

/** Sessions of a round, one after the other; as many warm sandboxes, and no room for more: nothing boots meanwhile. */
const batch = 20;
const rounds = 10;
/** Before each of them: whatever the one before has left to do is done. */
const pauseMs = 50;
const oneByOneTarget = 1.5;

const burstRounds = 6;
const burstOf60TargetMs = 450;
const burstOf20TargetMs = 150;

/** What the product and the bare chain took in the same rounds, in milliseconds. */
interface Paired {
  readonly warm: number[];
  readonly bare: number[];
}

async function takeOneByOne(world: ClusterWorld, chain: BareChain): Promise<Paired> {
  const warm: number[] = [];
  const ids: string[] = [];
  const bare = await chain.run({ count: batch, parallel: 1, pauseMs });
  for (let i = 0; i < batch; i++) {
    await delay(pauseMs);
    const { ms, id } = await world.caller.create();
    warm.push(ms);
    ids.push(id);
  }
  for (const id of ids) await world.caller.end(id);
  return { warm, bare: [...bare.ms] };
}

async function measureOneByOne(run: Run, world: ClusterWorld, chain: BareChain): Promise<void> {
  await world.resizePool({ warm: batch, most: batch });
  const all: Paired = { warm: [], bare: [] };
  const count = run.samples(rounds) + 1;
  for (let round = 0; round < count; round++) {
    run.progress(`cluster: one by one, round ${round + 1} of ${count} (the first does not count)`);
    await world.settled({ warm: batch });
    const { warm, bare } = await takeOneByOne(world, chain);
    if (round === 0) continue;
    all.warm.push(...warm);
    all.bare.push(...bare);
  }
  run.add(latencyRow('bare chain, one by one', all.bare));
  run.add({
    ...latencyRow('warm POST → 201, one by one', all.warm),
    baseline: { name: 'bare chain', figure: milliseconds(median(all.bare)) },
    ratio: ratioOf(all.warm, all.bare),
    target: { of: 'ratio', atMost: oneByOneTarget },
  });
}

/** What a burst gave. */
interface Burst {
  /** Of each session. */
  readonly each: readonly number[];
  /** From the first request to the last answer. */
  readonly wholeMs: number;
}

async function takeBurst(world: ClusterWorld, size: number): Promise<Burst> {
  const startedAt = performance.now();
  const created = await Promise.all(Array.from({ length: size }, () => world.caller.create()));
  const wholeMs = performance.now() - startedAt;
  await Promise.all(created.map(({ id }) => world.caller.end(id)));
  return { each: created.map(({ ms }) => ms), wholeMs };
}

async function measureBurst(run: Run, { world, chain, size }: { world: ClusterWorld; chain: BareChain; size: number }) {
  await world.resizePool({ warm: size, most: size });
  const bursts: Burst[] = [];
  const bare: Burst[] = [];
  const count = run.samples(burstRounds) + 1;
  for (let round = 0; round < count; round++) {
    run.progress(`cluster: ${size} at once, round ${round + 1} of ${count} (the first does not count)`);
    await world.settled({ warm: size });
    const { ms, wholeMs } = await chain.run({ count: size, parallel: size, pauseMs: 0 });
    await world.settled({ warm: size });
    const burst = await takeBurst(world, size);
    if (round === 0) continue;
    bare.push({ each: ms, wholeMs });
    bursts.push(burst);
  }
  const each = (of: readonly Burst[]): readonly number[] => of.flatMap((burst) => burst.each);
  const whole = (of: readonly Burst[]): readonly number[] => of.map(({ wholeMs }) => wholeMs);
  const baseline = { name: 'bare chain', figure: milliseconds(median(each(bare))) };
  run.add({
    ...latencyRow(`warm POST → 201, ${size} at once`, each(bursts)),
    baseline,
    ratio: ratioOf(each(bursts), each(bare)),
    ...(size === 20 && { target: { of: 'figure', atMost: burstOf20TargetMs } as const }),
  });
  run.add({
    ...latencyRow(`${size} at once on ${size} warm, until all have their 201`, whole(bursts)),
    baseline: { name: 'bare chain', figure: milliseconds(median(whole(bare))) },
    ratio: ratioOf(whole(bursts), whole(bare)),
    ...(size === 60 && { target: { of: 'figure', atMost: burstOf60TargetMs } as const }),
  });
}

/** From POST to 201 on warm sandboxes, beside the bare chain, in rounds of both. */
export async function measureLatency(run: Run, world: ClusterWorld, chain: BareChain): Promise<void> {
  await measureOneByOne(run, world, chain);
  for (const size of [20, 60, 100]) await measureBurst(run, { world, chain, size });
}

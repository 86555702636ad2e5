import type { BareChain } from '../../cluster/bare-chain.ts';
import { cpuSince, readCpu, sumOf } from '../../cluster/cpu.ts';
import type { ClusterWorld } from '../../cluster/world.ts';
import type { Run } from '../../run.ts';
import { summarize } from '../../statistics.ts';
import { milliseconds } from '../../latency-row.ts';
import { cpuDetails, section } from './row.ts';

/** Callers, each of whom creates a session, has it, deletes it, and begins again. */
const callers = 20;
const pool = { warm: 60, most: 200 };
const durationMs = 30_000;
const warmUpMs = 3_000;
const rateTarget = 40;
const cpuTargetMs = 50;
const chains = 3_000;
const chainsAtOnce = 50;

interface Sustained {
  readonly ms: readonly number[];
  readonly refused: number;
}

async function sustain(world: ClusterWorld, forMs: number): Promise<Sustained> {
  const deadline = performance.now() + forMs;
  const ms: number[] = [];
  let refused = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < deadline) {
      const created = await world.caller.create().catch(() => undefined);
      if (!created) {
        refused += 1;
        continue;
      }
      ms.push(created.ms);
      await world.caller.end(created.id);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { ms, refused };
}

/** How many sessions a second come and go, and what each costs; beside the bare chains that the same machine manages. */
export async function measureSustained(run: Run, world: ClusterWorld, chain: BareChain): Promise<void> {
  await world.resizePool(pool);
  await world.settled({ warm: pool.warm });
  run.progress('cluster: bare chains, as many as can be');
  const bare = await chain.run({ count: run.samples(chains), parallel: chainsAtOnce, pauseMs: 0 });
  const chainRate = { value: (bare.ms.length * 1000) / bare.wholeMs, unit: '1/s' } as const;
  run.add({
    section,
    name: `bare chains, ${chainsAtOnce} at a time`,
    figure: chainRate,
    details: { n: bare.ms.length },
  });
  await world.settled({ warm: pool.warm });
  run.progress('cluster: sustained, warming up');
  await sustain(world, warmUpMs);
  const forMs = run.samples(durationMs);
  run.progress(`cluster: sustained for ${forMs / 1000} s`);
  const [before, startedAt] = [readCpu(world.pids), performance.now()];
  const { ms, refused } = await sustain(world, forMs);
  const seconds = (performance.now() - startedAt) / 1000;
  // What is left to do for these sessions is theirs to pay.
  await world.settled({ warm: pool.warm });
  const cpu = cpuSince(before, world.pids, ms.length);
  const { p50, p95, count } = summarize(ms);
  run.add({
    section,
    name: `create → ready → delete, ${callers} callers, pool of ${pool.warm}, refilled`,
    figure: { value: count / seconds, unit: '1/s' },
    details: { 'POST → 201, p50': milliseconds(p50), p95: milliseconds(p95), n: count, refused },
    baseline: { name: 'bare chains', figure: chainRate },
    target: { of: 'figure', atLeast: rateTarget },
  });
  run.add({
    section,
    name: 'CPU of a session, all processes',
    figure: milliseconds(sumOf(cpu)),
    details: cpuDetails(cpu),
    target: { of: 'figure', atMost: cpuTargetMs },
  });
}

import { setTimeout as delay } from 'node:timers/promises';
import { cpuSince, readCpu } from '../../cluster/cpu.ts';
import type { ClusterWorld } from '../../cluster/world.ts';
import type { Run } from '../../run.ts';
import { median } from '../../statistics.ts';
import { milliseconds } from '../../latency-row.ts';
import { latencyRow } from './row.ts';

const sizes = [10, 100, 1_000] as const;
/** Claims of a round; the smallest pool must have as many. */
const batch = 10;
const rounds = 10;
const pauseMs = 50;
/** A claim from the largest pool may cost so much more than one from the smallest: what is left is noise. */
const target = 1.2;

interface Claims {
  readonly ms: number[];
  /** CPU of the operator for one session from create to gone, its refill included. */
  readonly operatorMs: number;
}

async function claim(run: Run, world: ClusterWorld, size: number): Promise<Claims> {
  await world.resizePool({ warm: size, most: size });
  await world.settled({ warm: size });
  const ms: number[] = [];
  let before = readCpu(world.pids);
  const count = run.samples(rounds) + 1;
  for (let round = 0; round < count; round++) {
    run.progress(`cluster: claims from a pool of ${size}, round ${round + 1} of ${count} (the first does not count)`);
    if (round === 1) {
      before = readCpu(world.pids);
      ms.length = 0;
    }
    const ids: string[] = [];
    for (let i = 0; i < batch; i++) {
      await delay(pauseMs);
      const created = await world.caller.create();
      ms.push(created.ms);
      ids.push(created.id);
    }
    for (const id of ids) await world.caller.end(id);
    await world.settled({ warm: size });
  }
  return { ms, operatorMs: cpuSince(before, world.pids, ms.length).get('operator') ?? 0 };
}

/** The same claims from pools of different size. */
export async function measurePoolSizes(run: Run, world: ClusterWorld): Promise<void> {
  let smallest: Claims | undefined;
  for (const size of sizes) {
    const claims = await claim(run, world, size);
    smallest ??= claims;
    const row = latencyRow(`warm POST → 201 from a pool of ${size}`, claims.ms);
    const value = median(claims.ms) / median(smallest.ms);
    run.add({
      ...row,
      details: { ...row.details, 'operator CPU of a life': milliseconds(claims.operatorMs) },
      ...(claims !== smallest && {
        baseline: { name: `pool of ${sizes[0]}`, figure: milliseconds(median(smallest.ms)) },
        ratio: { value, low: value, high: value },
        target: { of: 'ratio', atMost: target } as const,
      }),
    });
  }
}

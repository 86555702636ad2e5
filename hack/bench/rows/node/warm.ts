import { setTimeout as delay } from 'node:timers/promises';
import { launchCluster, type LaunchedCluster } from '../../cluster/launched.ts';
import { latencyRow, latencyRowBeside } from '../../latency-row.ts';
import type { Run } from '../../run.ts';
import type { MeasuredNode } from '../../node/measured-node.ts';
import { droppedRounds, inTurn, section } from './row.ts';

/** At the pool's ceiling: nothing boots while they are claimed. Two cores carry no more browsers in gVisor beside as many others. */
const pools = { runc: 5, gvisor: 3 } as const;
const rounds = 12;
/** Before each of them: whatever the one before has left to do is done. */
const pauseMs = 300;
const target = 1.2;

async function takeBatch({ caller }: LaunchedCluster, pool: number): Promise<readonly number[]> {
  const all: number[] = [];
  const ids: string[] = [];
  while (ids.length < pool) {
    await delay(pauseMs);
    const { ms, id } = await caller.create();
    all.push(ms);
    ids.push(id);
  }
  for (const id of ids) await caller.end(id);
  return all;
}

/** Warm sessions on a real node beside warm sessions on the local one, each with a control plane of its own, in the same rounds. */
export async function measureWarm(run: Run, { runtime, cluster }: MeasuredNode): Promise<void> {
  const pool = pools[runtime];
  run.progress(`node, ${runtime}: ${pool} warm sandboxes, and as many on a local node beside it`);
  await using local = await launchCluster(run, {
    settings: {
      PORTHOLE_WARM_MIN: pool,
      PORTHOLE_WARM_MAX: pool,
      PORTHOLE_MAX_SANDBOXES: pool,
      PORTHOLE_MAX_CONCURRENT_SESSIONS: pool,
    },
  });
  await cluster.resizePool({ warm: pool, most: pool });
  const real = { cluster, ms: [] as number[] };
  const beside = { cluster: local, ms: [] as number[] };
  const all = run.samples(rounds) + droppedRounds;
  for (let round = 0; round < all; round += 1) {
    for (const side of inTurn(round, [real, beside])) {
      run.progress(`node, ${runtime}: warm, round ${round + 1} of ${all} (the first does not count)`);
      await cluster.settled(pool);
      await local.settled(pool);
      const taken = await takeBatch(side.cluster, pool);
      if (round >= droppedRounds) side.ms.push(...taken);
    }
  }
  await cluster.resizePool({ warm: 0, most: pool });
  const localName = 'npm run cluster with the local node';
  run.add(latencyRow(section, `${localName}: warm POST → 201, in the rounds of ${runtime}`, beside.ms));
  run.add({
    ...latencyRowBeside(
      section,
      { name: `${runtime}: warm POST → 201`, ms: real.ms },
      { name: localName, ms: beside.ms },
    ),
    target: { of: 'ratio', atMost: target },
  });
}

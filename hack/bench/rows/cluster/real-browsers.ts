import { setTimeout as delay } from 'node:timers/promises';
import { launchCluster } from '../../cluster/launched.ts';
import type { Run } from '../../run.ts';
import { latencyRow } from './row.ts';

/** At the pool's ceiling: nothing boots while they are claimed. */
const pool = 5;
const rounds = 6;
const pauseMs = 500;

/** For truth: what `npm run cluster` does with real browsers, one by one. */
export async function measureRealBrowsers(run: Run): Promise<void> {
  run.progress('cluster: npm run cluster, with real browsers');
  await using launched = await launchCluster(run, {
    settings: {
      PORTHOLE_WARM_MIN: pool,
      PORTHOLE_WARM_MAX: pool,
      PORTHOLE_MAX_SANDBOXES: pool,
      PORTHOLE_MAX_CONCURRENT_SESSIONS: pool,
      PORTHOLE_DISPLAY: 'headless',
    },
  });
  const { caller } = launched;
  const ms: number[] = [];
  const count = run.samples(rounds) + 1;
  for (let round = 0; round < count; round++) {
    run.progress(`cluster: real browsers, round ${round + 1} of ${count} (the first does not count)`);
    await launched.settled(pool);
    const ids: string[] = [];
    for (let i = 0; i < pool; i++) {
      await delay(pauseMs);
      const created = await caller.create();
      if (round > 0) ms.push(created.ms);
      ids.push(created.id);
    }
    for (const id of ids) await caller.end(id);
  }
  run.add(latencyRow('npm run cluster, real browsers: POST → 201, one by one', ms));
}

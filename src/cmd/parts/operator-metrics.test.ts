import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { startController } from '../../kube/controller/controller.ts';
import { lookAgain, settled } from '../../kube/controller/outcome.ts';
import { createSteppedClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/logger.ts';
import { createOperatorMetrics } from './operator-metrics.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

/** Values of all series with their labels, but for the buckets. */
async function valuesOf(registry: Registry): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const entries = lines.filter((line) => !line.includes('_bucket')).map((line) => line.split(/ (?=[^ ]+$)/));
  return Object.fromEntries(entries.map(([series, value]) => [series ?? '', Number(value)]));
}

it('shows a loop under the names of controller-runtime', async () => {
  const clock = createSteppedClock();
  const registry = new Registry();
  const hooks = createOperatorMetrics(registry, clock);
  let runs = 0;
  await using controller = startController({
    ...{ name: 'session', concurrency: 2, clock, logger, hooks },
    reconcile: async ({ name }) => {
      runs += 1;
      if (name === 'slow') await new Promise<void>((resolve) => clock.schedule(10_000, resolve));
      if (name === 'bad' && runs <= 4) throw new Error('no');
      return name === 'later' ? lookAgain(60_000, 'testing') : settled;
    },
  });
  for (const name of ['slow', 'good', 'later', 'bad']) controller.add({ namespace: 'default', name });
  await clock.step(4_000);
  const queue = 'name="session",controller="session"';
  const loop = 'controller="session"';
  expect(await valuesOf(registry)).toMatchObject({
    [`workqueue_depth{${queue}}`]: 0,
    [`workqueue_adds_total{${queue}}`]: 5,
    [`workqueue_retries_total{${queue}}`]: 1,
    [`workqueue_queue_duration_seconds_count{${queue}}`]: 5,
    [`workqueue_work_duration_seconds_count{${queue}}`]: 4,
    [`workqueue_unfinished_work_seconds{${queue}}`]: 4,
    [`workqueue_longest_running_processor_seconds{${queue}}`]: 4,
    [`controller_runtime_reconcile_total{${loop},result="success"}`]: 2,
    [`controller_runtime_reconcile_total{${loop},result="requeue_after"}`]: 1,
    [`controller_runtime_reconcile_total{${loop},result="requeue"}`]: 0,
    [`controller_runtime_reconcile_total{${loop},result="error"}`]: 1,
    [`controller_runtime_reconcile_errors_total{${loop}}`]: 1,
    [`controller_runtime_reconcile_time_seconds_count{${loop}}`]: 4,
    [`controller_runtime_active_workers{${loop}}`]: 1,
    [`controller_runtime_max_concurrent_reconciles{${loop}}`]: 2,
  });
  await clock.step(6_000);
  expect(await valuesOf(registry)).toMatchObject({
    [`workqueue_unfinished_work_seconds{${queue}}`]: 0,
    [`workqueue_longest_running_processor_seconds{${queue}}`]: 0,
    [`controller_runtime_active_workers{${loop}}`]: 0,
  });
});

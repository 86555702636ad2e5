import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { OperatorHooks } from '../../controllers/operator.ts';
import type { ControllerHooks, ReconcileFacts } from '../../kube/controller/controller.ts';
import type { Clock } from '../../lib/clock.ts';

const seconds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The operator's metrics; those of the loops have controller-runtime's names and meanings. */
export function createOperatorMetrics(registry: Registry, clock: Pick<Clock, 'monotonic'>): OperatorHooks {
  const ready = new Histogram({
    name: 'porthole_session_ready_seconds',
    help: 'Seconds from the admission of a session to its being ready.',
    labelNames: ['pool', 'start'],
    buckets: seconds,
    registers: [registry],
  });
  const traffic = new Counter({
    name: 'porthole_session_traffic_bytes_total',
    help: 'Bytes between sandboxes and the outside, as TCP carries them. direction: in is towards the browser.',
    labelNames: ['account', 'pool', 'direction'],
    registers: [registry],
  });
  return {
    ...createLoopMetrics(registry, clock),
    traffic: ({ account, pool, bytesIn, bytesOut }) => {
      traffic.inc({ account, pool, direction: 'in' }, bytesIn);
      traffic.inc({ account, pool, direction: 'out' }, bytesOut);
    },
    sessionReady: ({ pool, wasWarm, afterMs }) =>
      ready.observe({ pool, start: wasWarm ? 'warm' : 'cold' }, afterMs / 1000),
  };
}

const resultOf: Readonly<Record<ReconcileFacts['result'], string>> = {
  success: 'success',
  requeue: 'requeue',
  requeueAfter: 'requeue_after',
  error: 'error',
};

/** https://book.kubebuilder.io/reference/metrics-reference */
function createLoopMetrics(registry: Registry, clock: Pick<Clock, 'monotonic'>): Required<ControllerHooks> {
  const queue = createQueueMetrics(registry, clock);
  const registers = [registry];
  const labelNames = ['controller'] as const;
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciliations by controller and result.',
    labelNames: ['controller', 'result'] as const,
    registers,
  });
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Reconciliations that failed, by controller.',
    ...{ labelNames, registers },
  });
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Seconds a reconciliation takes.',
    buckets: seconds,
    ...{ labelNames, registers },
  });
  const active = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Keys that are worked on.',
    ...{ labelNames, registers },
  });
  const most = new Gauge({
    name: 'controller_runtime_max_concurrent_reconciles',
    help: 'How many keys may be worked on at once.',
    ...{ labelNames, registers },
  });
  return {
    ...queue,
    started: (controller, concurrency) => {
      most.set({ controller }, concurrency);
      active.set({ controller }, 0);
      errors.inc({ controller }, 0);
      for (const result of Object.values(resultOf)) reconciles.inc({ controller, result }, 0);
      queue.started(controller);
    },
    taken: (facts) => {
      active.inc({ controller: facts.controller });
      queue.taken(facts);
    },
    reconciled: (facts) => {
      const { controller, result, durationMs } = facts;
      active.dec({ controller });
      reconciles.inc({ controller, result: resultOf[result] });
      if (result === 'error') errors.inc({ controller });
      time.observe({ controller }, durationMs / 1000);
      queue.reconciled(facts);
    },
  };
}

interface QueueHooks extends Required<Omit<ControllerHooks, 'started'>> {
  started(controller: string): void;
}

/** client-go's names: https://pkg.go.dev/k8s.io/component-base/metrics/prometheus/workqueue */
function createQueueMetrics(registry: Registry, clock: Pick<Clock, 'monotonic'>): QueueHooks {
  const labelNames = ['name', 'controller'] as const;
  const shared = { labelNames, registers: [registry] };
  const of = (controller: string) => ({ name: controller, controller });
  const depth = new Gauge({ name: 'workqueue_depth', help: 'Keys that wait.', ...shared });
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys that were added.', ...shared });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys added again after a failure.',
    ...shared,
  });
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'Seconds a key waits before it is worked on.',
    buckets: seconds,
    ...shared,
  });
  const worked = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'Seconds the work on a key takes.',
    buckets: seconds,
    ...shared,
  });
  const running = createRunningWork(registry, clock);
  return {
    started: (controller) => {
      depth.set(of(controller), 0);
      adds.inc(of(controller), 0);
      retries.inc(of(controller), 0);
      running.watch(controller);
    },
    added: (controller) => adds.inc(of(controller)),
    queueDepth: (controller, keys) => depth.set(of(controller), keys),
    taken: ({ controller, waitedMs, startMs }) => {
      waited.observe(of(controller), waitedMs / 1000);
      running.begin(controller, startMs);
    },
    reconciled: ({ controller, result, durationMs, startMs }) => {
      worked.observe(of(controller), durationMs / 1000);
      if (result === 'error') retries.inc(of(controller));
      running.end(controller, startMs);
    },
  };
}

interface RunningWork {
  watch(controller: string): void;
  begin(controller: string, startMs: number): void;
  end(controller: string, startMs: number): void;
}

/** What hangs shows while it hangs: these two are reckoned when they are asked for. */
function createRunningWork(registry: Registry, clock: Pick<Clock, 'monotonic'>): RunningWork {
  const starts = new Map<string, number[]>();
  const gauge = (name: string, help: string, reckon: (agesSeconds: readonly number[]) => number): void => {
    new Gauge({
      ...{ name, help, labelNames: ['name', 'controller'], registers: [registry] },
      collect() {
        for (const [controller, began] of starts) {
          const ages = began.map((startMs) => (clock.monotonic() - startMs) / 1000);
          this.set({ name: controller, controller }, reckon(ages));
        }
      },
    });
  };
  gauge('workqueue_unfinished_work_seconds', 'Seconds that all work in progress has taken so far.', (ages) =>
    ages.reduce((sum, age) => sum + age, 0),
  );
  gauge('workqueue_longest_running_processor_seconds', 'Seconds that the oldest work in progress has taken.', (ages) =>
    Math.max(0, ...ages),
  );
  const of = (controller: string): number[] => starts.get(controller) ?? [];
  return {
    watch: (controller) => void starts.set(controller, []),
    begin: (controller, startMs) => void starts.set(controller, [...of(controller), startMs]),
    end: (controller, startMs) => {
      const at = of(controller).indexOf(startMs);
      if (at >= 0) starts.set(controller, of(controller).toSpliced(at, 1));
    },
  };
}

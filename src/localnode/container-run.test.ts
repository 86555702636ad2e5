import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import {
  afterExit,
  afterObstacle,
  afterStart,
  initialRuns,
  restartDelayMs,
  willRestart,
  type ContainerKind,
  type ContainerRun,
  type RestartPolicy,
} from './container-run.ts';

const spec: PodSpec = { containers: [{ name: 'main', image: 'sh' }] };

function firstRun(podSpec = spec): ContainerRun {
  const [run] = initialRuns(podSpec, undefined, 0);
  if (!run) throw new Error('a pod has a container');
  return run;
}
const start = (run: ContainerRun, at: number, probes = { hasStartupProbe: false, hasReadinessProbe: false }) =>
  afterStart(run, { containerId: `porthole://${at}`, nowMs: at, monotonicMs: at, ...probes });
const exit = (run: ContainerRun, at: number, exitCode: number) =>
  afterExit(run, { exitCode, nowMs: at, monotonicMs: at });

test.each([
  [0, 0],
  [1, 10_000],
  [2, 20_000],
  [5, 160_000],
  [6, 300_000],
  [60, 300_000],
])('after %d ends the next start waits %d ms', (failures, delayMs) => {
  expect(restartDelayMs(failures)).toBe(delayMs);
});

test.each<[ContainerKind, RestartPolicy, number, boolean]>([
  ['main', 'Always', 0, true],
  ['main', 'Always', 1, true],
  ['main', 'OnFailure', 0, false],
  ['main', 'OnFailure', 1, true],
  ['main', 'Never', 1, false],
  ['init', 'Always', 0, false],
  ['init', 'Always', 1, true],
  ['init', 'OnFailure', 1, true],
  ['init', 'Never', 1, false],
  ['sidecar', 'Never', 0, true],
  ['sidecar', 'Never', 1, true],
])('a %s container under %s that exits with %d is restarted: %s', (kind, policy, exitCode, expected) => {
  const run = { ...exit(start(firstRun(), 0), 1, exitCode), kind };
  expect(willRestart(run, policy)).toBe(expected);
});

test('the first restart is immediate, later ones back off, and restarts are counted', () => {
  const first = exit(start(firstRun(), 0), 100, 1);
  expect(first).toMatchObject({ notBeforeMs: 100, restartCount: 0, state: { reason: 'Error', exitCode: 1 } });
  const second = exit(start(first, 100), 200, 1);
  expect(second).toMatchObject({ notBeforeMs: 10_200, restartCount: 1, lastTermination: { finishedAtMs: 100 } });
  expect(exit(start(second, 10_200), 10_300, 1)).toMatchObject({ notBeforeMs: 30_300, restartCount: 2 });
});

test('ten good minutes make the next end the first again', () => {
  const once = exit(start(firstRun(), 0), 100, 1);
  const twice = exit(start(once, 100), 600_100, 1);
  expect(twice).toMatchObject({ notBeforeMs: 600_100, failures: 1 });
});

test('a container is started and ready when its probes say so, at once when it has none', () => {
  expect(start(firstRun(), 0)).toMatchObject({ started: true, ready: true });
  expect(start(firstRun(), 0, { hasStartupProbe: false, hasReadinessProbe: true })).toMatchObject({
    started: true,
    ready: false,
  });
  expect(start(firstRun(), 0, { hasStartupProbe: true, hasReadinessProbe: false })).toMatchObject({
    started: false,
    ready: false,
  });
});

test('an end clears what was said about the process', () => {
  const run = exit({ ...start(firstRun(), 0), killAtMs: 5, unhealthy: 'failed its liveness probe' }, 1, 0);
  expect(run).toMatchObject({ ready: false, started: false, killAtMs: undefined, unhealthy: undefined });
  expect(run.state).toMatchObject({ kind: 'terminated', reason: 'Completed' });
});

test('an obstacle is not an end: it counts no failure', () => {
  const run = afterObstacle(firstRun(), { reason: 'ErrImageNeverPull', message: 'none', retryAtMs: 7 });
  expect(run).toMatchObject({ state: { kind: 'waiting', reason: 'ErrImageNeverPull' }, notBeforeMs: 7, failures: 0 });
});

test.each(['Never', 'OnFailure'])(
  'an init container that has ended is not run anew where the policy is %s',
  (policy) => {
    const terminated = { terminated: { exitCode: 0, reason: 'Completed' } };
    const before = { name: 'init', image: 'sh', imageID: '', ready: true, restartCount: 0, state: terminated };
    const spec = { restartPolicy: policy, initContainers: [{ name: 'init' }], containers: [{ name: 'main' }] };
    const [init] = initialRuns(spec, { initContainerStatuses: [before] }, 0);
    expect(init?.state).toMatchObject({ kind: 'terminated', exitCode: 0 });
  },
);

test('what ran on an earlier node is lost: main containers have ended, others start anew', () => {
  const running = { running: { startedAt: '2026-01-01T00:00:00.000Z' } };
  const status = (name: string) => ({ name, image: 'sh', imageID: '', ready: true, restartCount: 2, state: running });
  const runs = initialRuns(
    {
      containers: [{ name: 'main' }],
      initContainers: [{ name: 'init' }, { name: 'side', restartPolicy: 'Always' }],
    },
    { containerStatuses: [status('main')], initContainerStatuses: [status('init'), status('side')] },
    1_800_000_000_000,
  );
  expect(runs.map((r) => [r.name, r.kind, r.state.kind, r.restartCount])).toEqual([
    ['init', 'init', 'waiting', 2],
    ['side', 'sidecar', 'waiting', 2],
    ['main', 'main', 'terminated', 2],
  ]);
  expect(runs[2]?.state).toMatchObject({ exitCode: 137, reason: 'ContainerStatusUnknown' });
});

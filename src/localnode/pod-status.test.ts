import { describe, expect, test } from 'vitest';
import { afterExit, afterStart, initialRuns, type ContainerRun } from './container-run.ts';
import {
  buildPodStatus,
  isDetail,
  knownConditions,
  statusPatch,
  toPhase,
  unschedulableCondition,
  type KubePodStatus,
  type StatusInput,
} from './pod-status.ts';

const nowMs = Date.parse('2026-01-01T00:00:10.000Z');
const spec = {
  initContainers: [{ name: 'side', restartPolicy: 'Always' }],
  containers: [{ name: 'main', image: 'sh' }],
};

function runsNamed(): { side: ContainerRun; main: ContainerRun } {
  const [side, main] = initialRuns(spec, undefined, 0);
  if (!side || !main) throw new Error('two containers');
  return { side, main };
}
const up = (run: ContainerRun): ContainerRun =>
  afterStart(run, {
    containerId: 'porthole://1',
    nowMs,
    monotonicMs: 0,
    hasStartupProbe: false,
    hasReadinessProbe: false,
  });
const down = (run: ContainerRun, exitCode: number): ContainerRun =>
  afterExit(run, { exitCode, nowMs, monotonicMs: 100 });

const { side, main } = runsNamed();
const input = (runs: readonly ContainerRun[], more: Partial<StatusInput> = {}): StatusInput => ({
  podName: 'p',
  restartPolicy: 'Never',
  runs,
  initialized: true,
  podIp: '127.77.0.1',
  hostIp: '127.0.0.1',
  startTime: '2026-01-01T00:00:00.000Z',
  conditions: [],
  nowMs,
  ...more,
});
const conditions = (i: StatusInput): Record<string, string> =>
  Object.fromEntries((buildPodStatus(i).conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason ?? ''}`.trim()]));

describe('phase', () => {
  test.each<[string, StatusInput, string]>([
    ['nothing started', input([side, main], { initialized: false }), 'Pending'],
    ['the sidecar runs, the main container waits', input([up(side), main]), 'Pending'],
    ['the main container runs', input([up(side), up(main)]), 'Running'],
    ['the main container has ended, the sidecar not yet', input([up(side), down(up(main), 0)]), 'Running'],
    [
      'all over and well',
      input([down(up(side), 143), down(up(main), 0)], { finishedBecause: 'Completed' }),
      'Succeeded',
    ],
    [
      'all over with an error',
      input([down(up(side), 0), down(up(main), 1)], { finishedBecause: 'Completed' }),
      'Failed',
    ],
    ['deleted before it started', input([side, main], { finishedBecause: 'Deleted' }), 'Failed'],
    ['past its deadline', input([side, down(up(main), 0)], { finishedBecause: 'DeadlineExceeded' }), 'Failed'],
  ])('%s', (_name, i, phase) => {
    expect(toPhase(i)).toBe(phase);
  });
});

describe('conditions', () => {
  test.each<[string, StatusInput, Record<string, string>]>([
    [
      'while initialising',
      input([up(side), main], { initialized: false }),
      {
        PodScheduled: 'True',
        Initialized: 'False ContainersNotInitialized',
        ContainersReady: 'False ContainersNotReady',
        Ready: 'False ContainersNotReady',
      },
    ],
    [
      'when all is up',
      input([up(side), up(main)]),
      { PodScheduled: 'True', Initialized: 'True', ContainersReady: 'True', Ready: 'True' },
    ],
    [
      'while a container is being stopped',
      input([up(side), { ...up(main), killAtMs: 1 }]),
      {
        PodScheduled: 'True',
        Initialized: 'True',
        ContainersReady: 'False ContainersNotReady',
        Ready: 'False ContainersNotReady',
      },
    ],
    [
      'after a good end',
      input([down(up(side), 0), down(up(main), 0)], { finishedBecause: 'Completed' }),
      {
        PodScheduled: 'True',
        Initialized: 'True',
        ContainersReady: 'False PodCompleted',
        Ready: 'False PodCompleted',
      },
    ],
  ])('%s', (_name, i, expected) => {
    expect(conditions(i)).toEqual(expected);
  });

  test('a condition keeps its time until it flips', () => {
    const before = buildPodStatus(input([up(side), main]));
    const later = nowMs + 5000;
    const after = buildPodStatus(input([up(side), up(main)], { conditions: before.conditions ?? [], nowMs: later }));
    const times = Object.fromEntries((after.conditions ?? []).map((c) => [c.type, c.lastTransitionTime]));
    expect(times).toMatchObject({ Initialized: '2026-01-01T00:00:10.000Z', Ready: '2026-01-01T00:00:15.000Z' });
  });

  test("a stranger's condition is kept as it is stored, the node's own as it wrote it", () => {
    const stranger = { type: 'example.com/seen', status: 'True' };
    const own = { type: 'Ready', status: 'True' };
    const known = knownConditions(
      { conditions: [own] },
      { conditions: [{ type: 'Ready', status: 'False' }, stranger] },
    );
    expect(known).toEqual([own, stranger]);
  });
});

test('a container in back-off waits, and says how it ended', () => {
  const twice = down(up(down(up(main), 1)), 1);
  const [status] = buildPodStatus(input([side, twice], { restartPolicy: 'Always' })).containerStatuses ?? [];
  expect(status).toMatchObject({
    restartCount: 1,
    state: {
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container=main pod=p' },
    },
    lastState: { terminated: { exitCode: 1, reason: 'Error', containerID: 'porthole://1' } },
  });
});

test('an end by deadline says so', () => {
  const status = buildPodStatus(input([side, down(up(main), 143)], { finishedBecause: 'DeadlineExceeded' }));
  expect(status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
});

test('only what differs is written, and nothing when nothing does', () => {
  const before = buildPodStatus(input([up(side), main]));
  expect(statusPatch(before, buildPodStatus(input([up(side), main])))).toBeUndefined();
  const after = buildPodStatus(input([up(side), up(main)], { conditions: before.conditions ?? [] }));
  expect(Object.keys(statusPatch(before, after) ?? {}).sort()).toEqual(['conditions', 'containerStatuses', 'phase']);
});

test('the generation that was seen is told with what has changed, never alone', () => {
  const before = buildPodStatus(input([up(side), main], { generation: 1 }));
  const conditions = before.conditions ?? [];
  const same = buildPodStatus(input([up(side), main], { generation: 2, conditions }));
  expect(same.observedGeneration).toBe(2);
  expect(statusPatch(before, same)).toBeUndefined();
  const after = buildPodStatus(input([up(side), up(main)], { generation: 2, conditions }));
  expect(statusPatch(before, after)).toMatchObject({ observedGeneration: 2, phase: 'Running' });
});

test('that a container is ready is of substance when it makes the pod ready, and else a detail', () => {
  const unready = (run: ContainerRun): ContainerRun => ({ ...up(run), ready: false });
  const build = (...runs: ContainerRun[]) => buildPodStatus(input(runs));
  const changeFrom = (before: KubePodStatus, after: KubePodStatus): boolean => {
    const patch = statusPatch(before, after);
    expect(patch).toBeDefined();
    return isDetail(before, patch ?? {});
  };
  const none = build(unready(side), unready(main));
  const one = build(up(side), unready(main));
  expect(changeFrom({ ...none, qosClass: 'Burstable' }, one)).toBe(true);
  expect(changeFrom(one, build(up(side), up(main)))).toBe(false);
  expect(changeFrom(one, build(down(up(side), 1), unready(main)))).toBe(false);
});

test('an unplaced pod keeps the time since which it is unplaced', () => {
  const first = unschedulableCondition([], 'no cpu', nowMs);
  const second = unschedulableCondition(first, 'no memory', nowMs + 1000);
  expect(second).toEqual([{ ...first[0], message: 'no memory' }]);
});

import { describe, expect, test } from 'vitest';
import type { ContainerKind, ContainerRun } from './container-run.ts';
import { mergeEndings, planPod, type Ending, type PodAction, type PodView } from './plan.ts';

const nowMs = 1000;

function run(name: string, kind: ContainerKind, more: Partial<ContainerRun> = {}): ContainerRun {
  return {
    name,
    kind,
    image: 'sh',
    state: { kind: 'waiting', reason: 'ContainerCreating' },
    restartCount: 0,
    failures: 0,
    notBeforeMs: 0,
    started: false,
    ready: false,
    ...more,
  };
}
const running = (name: string, kind: ContainerKind, more: Partial<ContainerRun> = {}): ContainerRun =>
  run(name, kind, { state: { kind: 'running', startedAtMs: 0, startedMonotonicMs: 0 }, started: true, ...more });
const ended = (name: string, kind: ContainerKind, exitCode: number, notBeforeMs = 0): ContainerRun =>
  run(name, kind, { state: { kind: 'terminated', exitCode, reason: 'x', finishedAtMs: 0 }, notBeforeMs });

const view = (runs: readonly ContainerRun[], more: Partial<PodView> = {}): PodView => ({
  restartPolicy: 'Always',
  runs,
  initialized: false,
  terminationGraceMs: 5000,
  nowMs,
  ...more,
});
const say = (action: PodAction): string => {
  switch (action.kind) {
    case 'start':
      return `start ${action.name}`;
    case 'stop':
      return `stop ${action.name} by ${action.killAtMs}`;
    case 'end':
      return `end ${action.ending.cause} by ${action.ending.killAtMs}`;
    case 'finish':
      return 'finish';
  }
};
const planned = (v: PodView): readonly string[] => planPod(v).actions.map(say);

describe('initialisation', () => {
  const init = run('init', 'init');
  const side = run('side', 'sidecar');
  const main = run('main', 'main');

  test.each<[string, readonly ContainerRun[], readonly string[]]>([
    ['a pod without init containers starts all main containers', [main, run('b', 'main')], ['start main', 'start b']],
    ['only the first init container starts', [init, side, main], ['start init']],
    ['nothing starts while an init container runs', [running('init', 'init'), side, main], []],
    ['a finished init container lets the next start', [ended('init', 'init', 0), side, main], ['start side']],
    [
      'a sidecar that has not passed its startup probe holds up the rest',
      [running('side', 'sidecar', { started: false }), run('late', 'init'), main],
      [],
    ],
    [
      'a started sidecar lets the next start beside it',
      [running('side', 'sidecar'), run('late', 'init'), main],
      ['start late'],
    ],
    ['main containers start when all have passed', [running('side', 'sidecar'), main], ['start main']],
    [
      'a sidecar that died during initialisation is started again',
      [ended('side', 'sidecar', 1), running('late', 'init'), main],
      ['start side'],
    ],
    ['a failed init container is retried when its back-off is over', [ended('init', 'init', 1), main], ['start init']],
    ['and not before', [ended('init', 'init', 1, nowMs + 1), main], []],
  ])('%s', (_name, runs, actions) => {
    expect(planned(view(runs))).toEqual(actions);
  });

  test('passing is remembered: later a dead sidecar holds up no main container', () => {
    const plan = planPod(view([running('side', 'sidecar'), main]));
    expect(plan.initialized).toBe(true);
    expect(planned(view([ended('side', 'sidecar', 1, nowMs + 1), main], { initialized: true }))).toEqual([
      'start main',
    ]);
  });

  test('a failed init container under Never is the end of the pod', () => {
    expect(planned(view([ended('init', 'init', 1), main], { restartPolicy: 'Never' }))).toEqual([
      'end InitFailed by 6000',
    ]);
  });
});

describe('life', () => {
  test('the next look is when the first back-off or the deadline is over', () => {
    const runs = [ended('a', 'main', 1, nowMs + 300), ended('b', 'main', 1, nowMs + 200)];
    expect(planPod(view(runs)).lookAgainAtMs).toBe(nowMs + 200);
    expect(planPod(view(runs, { deadlineAtMs: nowMs + 100 })).lookAgainAtMs).toBe(nowMs + 100);
    expect(planPod(view([running('a', 'main')])).lookAgainAtMs).toBeUndefined();
  });

  test('an unhealthy container is stopped, once', () => {
    const sick = running('main', 'main', { unhealthy: 'failed its liveness probe' });
    expect(planned(view([sick]))).toEqual(['stop main by 6000']);
    expect(planned(view([{ ...sick, killAtMs: 6000 }]))).toEqual([]);
  });

  test('the pod is complete when no main container runs or will run again', () => {
    const runs = [running('side', 'sidecar'), ended('a', 'main', 0), ended('b', 'main', 0)];
    expect(planned(view(runs, { restartPolicy: 'OnFailure', initialized: true }))).toEqual(['end Completed by 6000']);
    expect(planned(view(runs, { restartPolicy: 'Always', initialized: true }))).toEqual(['start a', 'start b']);
    const oneLeft = [ended('a', 'main', 0), running('b', 'main')];
    expect(planned(view(oneLeft, { restartPolicy: 'Never', initialized: true }))).toEqual([]);
  });

  test('the deadline ends a pod whatever it is doing', () => {
    expect(planned(view([running('init', 'init'), run('main', 'main')], { deadlineAtMs: nowMs }))).toEqual([
      'end DeadlineExceeded by 6000',
    ]);
    expect(planned(view([running('main', 'main')], { deadlineAtMs: nowMs + 1 }))).toEqual([]);
  });
});

describe('ending', () => {
  const ending: Ending = { cause: 'Deleted', killAtMs: 3000, hardKillAtMs: Infinity };
  const side = running('side', 'sidecar');

  test.each<[string, readonly ContainerRun[], Partial<Ending>, readonly string[]]>([
    [
      'main containers go first, all at once',
      [side, running('a', 'main'), running('b', 'main')],
      {},
      ['stop a by 3000', 'stop b by 3000'],
    ],
    ['a running init container goes like a main one', [side, running('i', 'init')], {}, ['stop i by 3000']],
    ['who is being stopped is not told twice', [side, running('a', 'main', { killAtMs: 3000 })], {}, []],
    ['unless the time has become shorter', [side, running('a', 'main', { killAtMs: 9000 })], {}, ['stop a by 3000']],
    [
      'then sidecars, the last first',
      [side, running('late', 'sidecar'), ended('a', 'main', 0)],
      {},
      ['stop late by 3000'],
    ],
    [
      'a sidecar has half a second even when the grace is used up',
      [side, ended('a', 'main', 0)],
      { killAtMs: 900 },
      ['stop side by 1500'],
    ],
    [
      'but no more than the hard limit leaves it',
      [side, ended('a', 'main', 0)],
      { killAtMs: 900, hardKillAtMs: 1200 },
      ['stop side by 1200'],
    ],
    ['nothing that waits is started', [run('a', 'main'), ended('side', 'sidecar', 1)], {}, ['finish']],
  ])('%s', (_name, runs, more, actions) => {
    expect(planned(view(runs, { ending: { ...ending, ...more }, initialized: true }))).toEqual(actions);
  });

  test('a sidecar that is being stopped is left alone', () => {
    const stopping = { ...side, killAtMs: 1400 };
    expect(planned(view([stopping], { ending: { ...ending, killAtMs: 900 } }))).toEqual([]);
  });

  test('a second reason to end can shorten the time and never lengthen it', () => {
    const later: Ending = { cause: 'NodeShutdown', killAtMs: 5000, hardKillAtMs: 6000 };
    expect(mergeEndings(ending, later)).toEqual({ cause: 'Deleted', killAtMs: 3000, hardKillAtMs: 6000 });
    expect(mergeEndings(undefined, later)).toBe(later);
  });
});

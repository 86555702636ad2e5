import { isRunning, willRestart, type ContainerRun, type RestartPolicy } from './container-run.ts';

/** Why a Pod as a whole comes to its end. */
export type EndCause = 'Deleted' | 'DeadlineExceeded' | 'InitFailed' | 'Completed' | 'NodeShutdown';

/** A Pod that is on its way out. Times are monotonic milliseconds. */
export interface Ending {
  readonly cause: EndCause;
  /** Main containers that still run then are killed. */
  readonly killAtMs: number;
  /** Everything that still runs then is killed, sidecars included. */
  readonly hardKillAtMs: number;
}

export interface PodView {
  readonly restartPolicy: RestartPolicy;
  /** In the order of the spec, init containers first. */
  readonly runs: readonly ContainerRun[];
  /** All init containers have passed once: from then on a sidecar's restart holds up nobody. */
  readonly initialized: boolean;
  readonly ending?: Ending;
  /** Monotonic milliseconds at which activeDeadlineSeconds are over. */
  readonly deadlineAtMs?: number;
  readonly terminationGraceMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs: number;
}

export type PodAction =
  | { readonly kind: 'start'; readonly name: string }
  /** The main process gets SIGTERM, and everything SIGKILL at `killAtMs`. */
  | { readonly kind: 'stop'; readonly name: string; readonly killAtMs: number }
  | { readonly kind: 'end'; readonly ending: Ending }
  /** Nothing runs any more: give back folders, address, resources. */
  | { readonly kind: 'finish' };

export interface PodPlan {
  readonly actions: readonly PodAction[];
  readonly initialized: boolean;
  /** Monotonic milliseconds at which to plan again even if nothing changes. */
  readonly lookAgainAtMs?: number;
}

/** A sidecar always gets this long to end, even when the main containers took all of the Pod's grace (kubelet gives 2 s). */
const sidecarGraceMs = 500;

function startIfDue(run: ContainerRun, view: PodView): readonly PodAction[] {
  const wanted = run.state.kind === 'waiting' || willRestart(run, view.restartPolicy);
  return wanted && run.notBeforeMs <= view.nowMs ? [{ kind: 'start', name: run.name }] : [];
}

function hasPassed(run: ContainerRun): boolean {
  if (run.kind === 'sidecar') return isRunning(run) && run.started;
  return run.state.kind === 'terminated' && run.state.exitCode === 0;
}

/** Init containers in order; each is looked at only when those before it have passed. */
function planInit(view: PodView): { readonly actions: readonly PodAction[]; readonly passed: boolean } {
  const actions: PodAction[] = [];
  for (const run of view.runs.filter((r) => r.kind !== 'main')) {
    actions.push(...startIfDue(run, view));
    if (!hasPassed(run)) return { actions, passed: false };
  }
  return { actions, passed: true };
}

function stopUnhealthy(view: PodView): readonly PodAction[] {
  return view.runs
    .filter((run) => isRunning(run) && run.unhealthy !== undefined && run.killAtMs === undefined)
    .map(({ name }) => ({ kind: 'stop', name, killAtMs: view.nowMs + view.terminationGraceMs }));
}

function lookAgainAt(view: PodView): { lookAgainAtMs?: number } {
  const starts = view.runs
    .filter((run) => run.state.kind === 'waiting' || willRestart(run, view.restartPolicy))
    .map((run) => run.notBeforeMs)
    .filter((at) => at > view.nowMs);
  const times = view.deadlineAtMs === undefined ? starts : [...starts, view.deadlineAtMs];
  return times.length === 0 ? {} : { lookAgainAtMs: Math.min(...times) };
}

function planLife(view: PodView): PodPlan {
  const init = view.initialized ? { actions: [], passed: true } : planInit(view);
  const lasting = view.initialized ? view.runs.filter((r) => r.kind === 'sidecar') : [];
  const mains = init.passed ? view.runs.filter((r) => r.kind === 'main') : [];
  return {
    actions: [
      ...stopUnhealthy(view),
      ...init.actions,
      ...[...lasting, ...mains].flatMap((run) => startIfDue(run, view)),
    ],
    initialized: init.passed,
    ...lookAgainAt(view),
  };
}

const endRules: readonly { readonly cause: EndCause; readonly applies: (view: PodView) => boolean }[] = [
  {
    cause: 'DeadlineExceeded',
    applies: ({ deadlineAtMs, nowMs }) => deadlineAtMs !== undefined && deadlineAtMs <= nowMs,
  },
  {
    cause: 'InitFailed',
    applies: ({ runs, restartPolicy }) =>
      runs.some(
        (r) =>
          r.kind === 'init' &&
          r.state.kind === 'terminated' &&
          r.state.exitCode !== 0 &&
          !willRestart(r, restartPolicy),
      ),
  },
  {
    cause: 'Completed',
    applies: ({ runs, restartPolicy }) =>
      runs.every((r) => r.kind !== 'main' || (r.state.kind === 'terminated' && !willRestart(r, restartPolicy))),
  },
];

function stopBy(runs: readonly ContainerRun[], killAtMs: number): readonly PodAction[] {
  return runs
    .filter((run) => run.killAtMs === undefined || killAtMs < run.killAtMs)
    .map(({ name }) => ({ kind: 'stop', name, killAtMs }));
}

/** Main and init containers at once; when they are gone, sidecars one by one, the last first. */
function planEnd(view: PodView, ending: Ending): readonly PodAction[] {
  const running = view.runs.filter(isRunning);
  if (running.length === 0) return [{ kind: 'finish' }];
  const others = running.filter((r) => r.kind !== 'sidecar');
  if (others.length > 0) return stopBy(others, Math.min(ending.killAtMs, ending.hardKillAtMs));
  const last = running.slice(-1);
  const sinceMs = last[0]?.killAtMs === undefined ? view.nowMs + sidecarGraceMs : last[0].killAtMs;
  return stopBy(last, Math.min(Math.max(ending.killAtMs, sinceMs), ending.hardKillAtMs));
}

/** What a Pod needs next. Pure: the worker carries it out, looks at what became of it, and asks again. */
export function planPod(view: PodView): PodPlan {
  const { ending, initialized } = view;
  if (ending) return { actions: planEnd(view, ending), initialized };
  const rule = endRules.find(({ applies }) => applies(view));
  if (!rule) return planLife(view);
  const killAtMs = view.nowMs + view.terminationGraceMs;
  return {
    actions: [{ kind: 'end', ending: { cause: rule.cause, killAtMs, hardKillAtMs: Infinity } }],
    initialized,
  };
}

/** A second reason to end never gives more time than the first, and never another cause. */
export function mergeEndings(first: Ending | undefined, second: Ending): Ending {
  if (!first) return second;
  return {
    cause: first.cause,
    killAtMs: Math.min(first.killAtMs, second.killAtMs),
    hardKillAtMs: Math.min(first.hardKillAtMs, second.hardKillAtMs),
  };
}

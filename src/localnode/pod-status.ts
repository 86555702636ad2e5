import type { ContainerState, ContainerStatus, PodCondition, PodStatus } from 'kubernetes-types/core/v1.js';
import { formatTime, parseTime } from '../lib/time.ts';
import { isRunning, restartDelayMs, willRestart, type ContainerRun, type RestartPolicy } from './container-run.ts';
import type { EndCause } from './plan.ts';

/** With what is younger than the package of types. */
export interface KubePodStatus extends PodStatus {
  /** The Pod's generation that this status is about. */
  readonly observedGeneration?: number;
}

const ownConditions: readonly string[] = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'];

/**
 * The node's own conditions as it last wrote them, since the stored copy at hand may lag; everybody else's as they are stored.
 * Transition times hold while their status does.
 */
export function knownConditions(reported: PodStatus, stored: PodStatus | undefined): readonly PodCondition[] {
  const own = (reported.conditions ?? []).filter((c) => ownConditions.includes(c.type));
  return [...own, ...(stored?.conditions ?? []).filter((c) => !ownConditions.includes(c.type))];
}

/**
 * What was reported, apart from conditions of the node's own that somebody has turned since: kube-controller-manager calls the Pods of a
 * node unready that it takes for lost, and it is for the node to say that they are not. Times are told apart by the second.
 */
export function standingStatus(reported: PodStatus, stored: PodStatus | undefined): PodStatus {
  const conditions = reported.conditions?.map((own) => {
    const found = stored?.conditions?.find(({ type }) => type === own.type);
    const isTurned = found && found.status !== own.status && isLater(found, own);
    return isTurned && ownConditions.includes(own.type) ? found : own;
  });
  return conditions ? { ...reported, conditions } : reported;
}

function isLater(a: PodCondition, b: PodCondition): boolean {
  return (parseTime(a.lastTransitionTime ?? '') ?? 0) > (parseTime(b.lastTransitionTime ?? '') ?? 0);
}

/** Everything that a Pod's status may say. Times are epoch milliseconds. */
export interface StatusInput {
  readonly podName: string;
  readonly restartPolicy: RestartPolicy;
  readonly runs: readonly ContainerRun[];
  readonly initialized: boolean;
  /** Set once nothing runs any more. */
  readonly finishedBecause?: EndCause;
  readonly podIp?: string;
  readonly hostIp: string;
  readonly startTime: string;
  /** See {@link knownConditions}. */
  readonly conditions: readonly PodCondition[];
  readonly nowMs: number;
  readonly generation?: number | undefined;
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

type Reason = Pick<PodStatus, 'reason' | 'message'>;

const endReasons: Readonly<Partial<Record<EndCause, Reason>>> = {
  DeadlineExceeded: {
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  },
  NodeShutdown: { reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' },
};

function mainRuns(runs: readonly ContainerRun[]): readonly ContainerRun[] {
  return runs.filter((r) => r.kind === 'main');
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
export function toPhase({ runs, initialized, finishedBecause }: StatusInput): PodPhase {
  const mains = mainRuns(runs);
  if (finishedBecause === undefined) {
    return initialized && mains.some((r) => r.state.kind !== 'waiting' || r.lastTermination) ? 'Running' : 'Pending';
  }
  const succeeded = mains.every((r) => r.state.kind === 'terminated' && r.state.exitCode === 0);
  return succeeded && endReasons[finishedBecause] === undefined ? 'Succeeded' : 'Failed';
}

function toState({ state, containerId }: Pick<ContainerRun, 'state' | 'containerId'>): ContainerState {
  switch (state.kind) {
    case 'waiting':
      return { waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) } };
    case 'running':
      return { running: { startedAt: formatTime(state.startedAtMs) } };
    case 'terminated': {
      const id = state.containerId ?? containerId;
      return {
        terminated: {
          exitCode: state.exitCode,
          reason: state.reason,
          finishedAt: formatTime(state.finishedAtMs),
          ...(state.signal === undefined ? {} : { signal: state.signal }),
          ...(state.message === undefined ? {} : { message: state.message }),
          ...(state.startedAtMs === undefined ? {} : { startedAt: formatTime(state.startedAtMs) }),
          ...(id === undefined ? {} : { containerID: id }),
        },
      };
    }
  }
}

/** A container that waits for its next start is not "terminated" but in back-off; how it ended stands in lastState. */
function shownRun(run: ContainerRun, input: StatusInput): ContainerRun {
  const backsOff = input.finishedBecause === undefined && willRestart(run, input.restartPolicy) && run.failures > 1;
  if (!backsOff || run.state.kind !== 'terminated') return run;
  const seconds = Math.round(restartDelayMs(run.failures - 1) / 1000);
  const message = `back-off ${seconds}s restarting failed container=${run.name} pod=${input.podName}`;
  return { ...run, state: { kind: 'waiting', reason: 'CrashLoopBackOff', message }, lastTermination: run.state };
}

function toContainerStatus(run: ContainerRun, input: StatusInput): ContainerStatus {
  const { name, image, state, lastTermination, containerId, restartCount, ready, started } = shownRun(run, input);
  return {
    name,
    image,
    imageID: '',
    restartCount,
    ready: ready && run.killAtMs === undefined,
    started,
    state: toState(run.containerId === undefined ? { state } : { state, containerId: run.containerId }),
    lastState: lastTermination ? toState({ state: lastTermination }) : {},
    ...(containerId === undefined ? {} : { containerID: containerId }),
  };
}

interface Finding {
  readonly type: string;
  readonly met: boolean;
  readonly reason?: string;
  readonly message?: string;
}

function listUnless(met: boolean, reason: string, message: string): { reason?: string; message?: string } {
  return met ? {} : { reason, message };
}

function podReadiness(input: StatusInput): Finding {
  const lasting = input.runs.filter((r) => r.kind !== 'init');
  const unready = lasting.filter((r) => !(isRunning(r) && r.ready && r.killAtMs === undefined)).map((r) => r.name);
  const met = unready.length === 0;
  if (input.finishedBecause !== undefined) {
    return { type: 'Ready', met: false, reason: toPhase(input) === 'Succeeded' ? 'PodCompleted' : 'PodFailed' };
  }
  const message = `containers with unready status: [${unready.join(' ')}]`;
  return { type: 'Ready', met, ...listUnless(met, 'ContainersNotReady', message) };
}

function findings(input: StatusInput): readonly Finding[] {
  const incomplete = input.runs
    .filter((r) => (r.kind === 'init' && r.state.kind !== 'terminated') || (r.kind === 'sidecar' && !r.started))
    .map((r) => r.name);
  const ready = podReadiness(input);
  return [
    { type: 'PodScheduled', met: true },
    {
      type: 'Initialized',
      met: input.initialized,
      ...listUnless(
        input.initialized,
        'ContainersNotInitialized',
        `containers with incomplete status: [${incomplete.join(' ')}]`,
      ),
    },
    { ...ready, type: 'ContainersReady' },
    ready,
  ];
}

function toCondition({ type, met, reason, message }: Finding, input: StatusInput): PodCondition {
  const status = met ? 'True' : 'False';
  const before = input.conditions.find((c) => c.type === type);
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  return {
    type,
    status,
    lastTransitionTime: since ?? formatTime(input.nowMs),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

/** The whole status of a Pod from what its node knows. */
export function buildPodStatus(input: StatusInput): KubePodStatus {
  const { runs, podIp, hostIp, startTime, finishedBecause, generation } = input;
  const own = findings(input).map((f) => toCondition(f, input));
  const strangers = input.conditions.filter((c) => !own.some((o) => o.type === c.type));
  const init = runs.filter((r) => r.kind !== 'main');
  return {
    phase: toPhase(input),
    conditions: [...own, ...strangers],
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    startTime,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    containerStatuses: mainRuns(runs).map((r) => toContainerStatus(r, input)),
    ...(init.length === 0 ? {} : { initContainerStatuses: init.map((r) => toContainerStatus(r, input)) }),
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    ...(finishedBecause === undefined ? {} : endReasons[finishedBecause]),
  };
}

/** As text, without some of its members. */
function ignoring(value: unknown, members: readonly string[]): string {
  return JSON.stringify(value ?? [], (key, member: unknown) => (members.includes(key) ? undefined : member));
}

const details: Readonly<Record<string, readonly string[]>> = {
  conditions: ['reason', 'message', 'lastTransitionTime'],
  initContainerStatuses: ['ready', 'started'],
  containerStatuses: ['ready', 'started'],
};

/**
 * Whether a patch changes no more than words, or which of the containers are ready of a Pod that is not: while a sandbox starts, its
 * proxy is ready long before its browser, and nobody acts on that.
 */
export function isDetail(reported: KubePodStatus, patch: Readonly<Record<string, unknown>>): boolean {
  const before = reported as Readonly<Record<string, unknown>>;
  return Object.entries(patch).every(([key, value]) => {
    const members = details[key];
    if (key === 'observedGeneration') return true;
    return members !== undefined && ignoring(value, members) === ignoring(before[key], members);
  });
}

/** The status of a Pod that cannot be placed, as kube-scheduler writes it. */
export function unschedulableCondition(
  conditions: readonly PodCondition[],
  message: string,
  nowMs: number,
): readonly PodCondition[] {
  const before = conditions.find((c) => c.type === 'PodScheduled' && c.status === 'False');
  const condition: PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: before?.lastTransitionTime ?? formatTime(nowMs),
  };
  return [condition, ...conditions.filter((c) => c.type !== 'PodScheduled')];
}

/**
 * The members of `next` that differ from `reported`, as a merge patch; undefined when there is nothing to write. That a generation was
 * seen is told with whatever happens next, and is not worth a write of its own: each deletion raises it.
 */
export function statusPatch(
  reported: KubePodStatus,
  next: KubePodStatus,
): Readonly<Record<string, unknown>> | undefined {
  const before = reported as Readonly<Record<string, unknown>>;
  const changed = Object.entries(next).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key]));
  return changed.some(([key]) => key !== 'observedGeneration') ? Object.fromEntries(changed) : undefined;
}

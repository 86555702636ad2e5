import type { Container, ContainerStatus, PodSpec, PodStatus } from 'kubernetes-types/core/v1.js';
import { createBackoff } from '../lib/backoff.ts';
import { parseTime } from '../lib/time.ts';
import { isSidecar } from './resources.ts';

/** init: runs to its end before the next starts. sidecar: an init container that stays. main: the rest. */
export type ContainerKind = 'init' | 'sidecar' | 'main';

export interface WaitingState {
  readonly kind: 'waiting';
  readonly reason: string;
  readonly message?: string | undefined;
}
export interface RunningState {
  readonly kind: 'running';
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  /** Monotonic milliseconds. */
  readonly startedMonotonicMs: number;
}
export interface TerminatedState {
  readonly kind: 'terminated';
  /** 128 + signal number when a signal ended it, as container runtimes report it. */
  readonly exitCode: number;
  readonly signal?: number | undefined;
  readonly reason: string;
  readonly message?: string | undefined;
  readonly containerId?: string | undefined;
  /** Epoch milliseconds. */
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs: number;
}

/** What the node knows of one container of a Pod. Immutable: each transition below makes a new one. */
export interface ContainerRun {
  readonly name: string;
  readonly kind: ContainerKind;
  readonly image: string;
  readonly state: WaitingState | RunningState | TerminatedState;
  readonly lastTermination?: TerminatedState | undefined;
  /** Of the present or most recent process. */
  readonly containerId?: string | undefined;
  readonly restartCount: number;
  /** Ends since the last good long run: the back-off grows with it. */
  readonly failures: number;
  /** Monotonic milliseconds before which it is not started. */
  readonly notBeforeMs: number;
  /** Startup probe passed, or there is none. */
  readonly started: boolean;
  readonly ready: boolean;
  /** Monotonic milliseconds at which it is killed; set while it is being stopped. */
  readonly killAtMs?: number | undefined;
  /** Why a probe wants it restarted. */
  readonly unhealthy?: string | undefined;
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** Kubernetes' defaults: at once after the first end, then 10 s × 2, capped; forgotten after a run of ten minutes. */
const crashBackoff = createBackoff({ baseMs: 10_000, capMs: 300_000 });
const goodRunMs = 600_000;

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts */
export function restartDelayMs(failures: number): number {
  return failures === 0 ? 0 : crashBackoff(failures - 1);
}

export function toRestartPolicy(spec: PodSpec): RestartPolicy {
  return spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure' ? spec.restartPolicy : 'Always';
}

/** Whether a container that has ended is to be started again. */
export function willRestart({ kind, state }: ContainerRun, policy: RestartPolicy): boolean {
  if (state.kind !== 'terminated') return false;
  if (kind === 'sidecar') return true;
  const failed = state.exitCode !== 0;
  if (kind === 'init') return failed && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && failed);
}

export function isRunning({ state }: ContainerRun): boolean {
  return state.kind === 'running';
}

/** How a container ended that was running or had ended when an earlier node last reported: kubelet's words for a lost one. */
function earlierTermination(status: ContainerStatus | undefined, nowMs: number): TerminatedState | undefined {
  const { running, terminated } = status?.state ?? {};
  if (terminated) {
    return {
      kind: 'terminated',
      exitCode: terminated.exitCode,
      reason: terminated.reason ?? 'Error',
      signal: terminated.signal,
      message: terminated.message,
      containerId: terminated.containerID,
      startedAtMs: parseTime(terminated.startedAt),
      finishedAtMs: parseTime(terminated.finishedAt) ?? nowMs,
    };
  }
  return (
    running && {
      kind: 'terminated',
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container was lost when its node stopped.',
      containerId: status?.containerID,
      startedAtMs: parseTime(running.startedAt),
      finishedAtMs: nowMs,
    }
  );
}

interface Earlier {
  readonly statuses: readonly ContainerStatus[] | undefined;
  readonly nowMs: number;
  readonly policy: RestartPolicy;
}

/**
 * Init containers and sidecars run anew with the Pod's new surroundings; a main container is judged by its restart policy. So is an
 * init container that is not always restarted: the API server refuses that it comes back once it has ended.
 */
function staysEnded(kind: ContainerKind, policy: RestartPolicy): boolean {
  return kind === 'main' || (kind === 'init' && policy !== 'Always');
}

function initialRun(container: Container, kind: ContainerKind, { statuses, nowMs, policy }: Earlier): ContainerRun {
  const status = statuses?.find((s) => s.name === container.name);
  const ended = earlierTermination(status, nowMs);
  const waiting: WaitingState = { kind: 'waiting', reason: kind === 'main' ? 'ContainerCreating' : 'PodInitializing' };
  return {
    name: container.name,
    kind,
    image: container.image ?? '',
    state: staysEnded(kind, policy) ? (ended ?? waiting) : waiting,
    lastTermination: staysEnded(kind, policy) ? undefined : ended,
    containerId: status?.containerID,
    restartCount: status?.restartCount ?? 0,
    failures: 0,
    notBeforeMs: 0,
    started: false,
    ready: false,
  };
}

/**
 * The runs of a Pod in the order of its spec, init containers first. `status` is what an earlier node reported: whatever
 * ran then is gone now.
 */
export function initialRuns(spec: PodSpec, status: PodStatus | undefined, nowMs: number): readonly ContainerRun[] {
  const policy = toRestartPolicy(spec);
  const initStatuses = { statuses: status?.initContainerStatuses, nowMs, policy };
  const mainStatuses = { statuses: status?.containerStatuses, nowMs, policy };
  return [
    ...(spec.initContainers ?? []).map((c) => initialRun(c, isSidecar(c) ? 'sidecar' : 'init', initStatuses)),
    ...spec.containers.map((c) => initialRun(c, 'main', mainStatuses)),
  ];
}

function latestTermination({ state, lastTermination }: ContainerRun): TerminatedState | undefined {
  return state.kind === 'terminated' ? state : lastTermination;
}

export interface Start {
  readonly containerId: string;
  readonly nowMs: number;
  readonly monotonicMs: number;
  /** Which probes the container has: without them it counts as started, and then as ready, at once. */
  readonly hasStartupProbe: boolean;
  readonly hasReadinessProbe: boolean;
}

export function afterStart(run: ContainerRun, start: Start): ContainerRun {
  return {
    ...run,
    state: { kind: 'running', startedAtMs: start.nowMs, startedMonotonicMs: start.monotonicMs },
    lastTermination: latestTermination(run),
    containerId: start.containerId,
    restartCount: run.restartCount + (run.containerId === undefined ? 0 : 1),
    started: !start.hasStartupProbe,
    ready: !start.hasStartupProbe && !start.hasReadinessProbe,
  };
}

export interface Exit {
  readonly exitCode: number;
  readonly signal?: number | undefined;
  /** Default: Completed or Error by exit code. */
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** The next start is put off by the restarts so far. Ready only ever means "running and ready", but for a finished init container. */
export function afterExit(run: ContainerRun, exit: Exit): ContainerRun {
  const running = run.state.kind === 'running' ? run.state : undefined;
  const ranMs = running ? exit.monotonicMs - running.startedMonotonicMs : 0;
  const failures = ranMs >= goodRunMs ? 0 : run.failures;
  return {
    ...run,
    state: {
      kind: 'terminated',
      exitCode: exit.exitCode,
      signal: exit.signal,
      reason: exit.reason ?? (exit.exitCode === 0 ? 'Completed' : 'Error'),
      message: exit.message,
      containerId: running && run.containerId,
      startedAtMs: running?.startedAtMs,
      finishedAtMs: exit.nowMs,
    },
    lastTermination: latestTermination(run),
    killAtMs: undefined,
    unhealthy: undefined,
    failures: failures + 1,
    notBeforeMs: exit.monotonicMs + restartDelayMs(failures),
    started: false,
    ready: run.kind === 'init' && exit.exitCode === 0,
  };
}

export interface Obstacle {
  readonly reason: string;
  readonly message: string;
  /** Monotonic milliseconds of the next try. */
  readonly retryAtMs: number;
}

/** It could not even be tried: something it refers to is missing. */
export function afterObstacle(run: ContainerRun, { reason, message, retryAtMs }: Obstacle): ContainerRun {
  return {
    ...run,
    state: { kind: 'waiting', reason, message },
    lastTermination: latestTermination(run),
    notBeforeMs: retryAtMs,
  };
}

import type { Container } from 'kubernetes-types/core/v1.js';
import { randomUUID } from 'node:crypto';
import { pods } from '../kube/builtins.ts';
import { isStoreError } from '../kube/store-error.ts';
import type { MergePatch, Store } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';
import { formatTime, parseTime } from '../lib/time.ts';
import type { CommandFor } from './command.ts';
import { startContainerProcess, type ContainerProcess, type ProcessExit } from './container-process.ts';
import {
  afterExit,
  afterObstacle,
  afterStart,
  initialRuns,
  isRunning,
  toRestartPolicy,
  type ContainerRun,
} from './container-run.ts';
import { mergeEndings, planPod, type EndCause, type Ending, type PodAction } from './plan.ts';
import type { PodGround } from './pod-ground.ts';
import {
  buildPodStatus,
  isDetail,
  knownConditions,
  standingStatus,
  statusPatch,
  type KubePodStatus,
} from './pod-status.ts';
import { prepareContainer, type Obstacle, type Prepared } from './prepare-container.ts';
import type { ProbeNews } from './probe-runner.ts';
import type { ProcessTable } from './process-table.ts';

export interface PodWorkerOptions {
  readonly store: Store;
  readonly createGround: (pod: Pod) => Promise<PodGround>;
  readonly commandFor: CommandFor;
  readonly hostIp: string;
  readonly table: ProcessTable;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing of the Pod is left on the machine; its object may still be. */
  readonly onReleased: () => void;
}

/** Kubernetes' default. */
const defaultGraceSeconds = 30;
/** "Immediate" deletion of a running Pod is not quite immediate, for kubelet neither. */
const forcedGraceMs = 2_000;
/** Until a step that failed, such as a write to the store, is tried again. */
const retryMs = 1_000;
/** Until what is worth no status write of its own gets one all the same. */
const detailDelayMs = 5_000;

/** Carries one Pod (one uid) from "assigned to this node" to "gone". All its steps run one after the other. */
export class PodWorker {
  /** Resolves when nothing of the Pod is left on the machine and its last status was written, or could not be. */
  readonly finished = Promise.withResolvers<undefined>();
  readonly #options: PodWorkerOptions;
  readonly #log: Logger;
  readonly #startTime: string;
  readonly #runs: Map<string, ContainerRun>;
  readonly #processes = new Map<string, ContainerProcess>();
  readonly #probes = new Map<string, Disposable>();
  /** Monotonic milliseconds: when the Pod was started, by this node or an earlier one. */
  readonly #startedAtMs: number;
  #pod: Pod;
  #reported: KubePodStatus;
  #ground: PodGround | undefined;
  #initialized = false;
  #ending: Ending | undefined;
  /** Nothing runs any more and nothing ever will. */
  #over: boolean;
  /** The object is gone from the store. */
  #gone = false;
  /** The node stops: when nothing runs any more, nobody comes back to tell what could not be told. */
  #stopsForGood = false;
  #timer: Disposable | undefined;
  #detailTimer: Disposable | undefined;
  /** Monotonic milliseconds since which something waits to be told that is worth no write of its own. */
  #detailSinceMs: number | undefined;
  #busy = false;
  #dirty = false;

  constructor(pod: Pod, options: PodWorkerOptions) {
    const { clock } = options;
    const { status, spec } = pod;
    this.#pod = pod;
    this.#options = options;
    this.#log = options.logger.child({ pod: pod.metadata.name, podUid: pod.metadata.uid });
    this.#reported = status ?? {};
    this.#over = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    this.#startTime = status?.startTime ?? formatTime(clock.now());
    this.#runs = new Map(initialRuns(spec, status, clock.now()).map((run) => [run.name, run]));
    const startedAgoMs = clock.now() - (parseTime(this.#startTime) ?? clock.now());
    this.#startedAtMs = clock.monotonic() - startedAgoMs;
    if (this.#over) options.onReleased();
    this.update(pod);
  }

  /** A new version of the object. */
  update(pod: Pod): void {
    this.#pod = pod;
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    if (deletionTimestamp !== undefined)
      this.#endWithin('Deleted', (deletionGracePeriodSeconds ?? defaultGraceSeconds) * 1000);
    this.#wake();
  }

  /** The object is gone, or another has its name. */
  objectGone(): void {
    this.#gone = true;
    this.#endWithin('Deleted', Math.min(this.#graceMs(), forcedGraceMs));
    this.#wake();
  }

  /** The node stops: main containers have `graceMs`, and everything together `wholeMs`. */
  shutDown(graceMs: number, wholeMs: number): void {
    this.#stopsForGood = true;
    const now = this.#options.clock.monotonic();
    this.#end({ cause: 'NodeShutdown', killAtMs: now + graceMs, hardKillAtMs: now + wholeMs });
    this.#wake();
  }

  #graceMs(): number {
    return (this.#pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
  }

  #endWithin(cause: EndCause, graceMs: number): void {
    this.#end({ cause, killAtMs: this.#options.clock.monotonic() + graceMs, hardKillAtMs: Infinity });
  }

  #end(ending: Ending): void {
    if (!this.#over) this.#ending = mergeEndings(this.#ending, ending);
  }

  #wake(): void {
    this.#dirty = true;
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await this.#sync();
      } catch (err) {
        const isLast = this.#over && this.#stopsForGood;
        this.#log.warn({ err }, `a step of a pod failed: ${isLast ? 'it was the last' : 'trying again'}`);
        if (!isLast) this.#wakeAt(this.#options.clock.monotonic() + retryMs);
        if (this.#over) this.finished.resolve(undefined);
      }
    }
    this.#busy = false;
  }

  #wakeAt(atMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#options.clock.schedule(atMs - this.#options.clock.monotonic(), () => this.#wake());
  }

  async #sync(): Promise<void> {
    if (!this.#over) await this.#advance();
    await this.#report();
    if (!this.#over) return;
    if (!this.#gone && this.#pod.metadata.deletionTimestamp !== undefined) await this.#removeObject();
    this.finished.resolve(undefined);
  }

  /** Plans and acts until there is nothing to do but wait. */
  async #advance(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    for (;;) {
      const plan = planPod(this.#view());
      this.#initialized = plan.initialized;
      for (const action of plan.actions) await this.#apply(action);
      if (this.#over) return;
      if (plan.actions.length > 0) continue;
      if (plan.lookAgainAtMs !== undefined) this.#wakeAt(plan.lookAgainAtMs);
      return;
    }
  }

  #view() {
    // May be set or shortened while the Pod runs.
    const { activeDeadlineSeconds } = this.#pod.spec;
    return {
      restartPolicy: toRestartPolicy(this.#pod.spec),
      runs: [...this.#runs.values()],
      initialized: this.#initialized,
      terminationGraceMs: this.#graceMs(),
      nowMs: this.#options.clock.monotonic(),
      ...(this.#ending ? { ending: this.#ending } : {}),
      ...(activeDeadlineSeconds === undefined
        ? {}
        : { deadlineAtMs: this.#startedAtMs + activeDeadlineSeconds * 1000 }),
    };
  }

  async #apply(action: PodAction): Promise<void> {
    switch (action.kind) {
      case 'start':
        return this.#start(action.name);
      case 'stop': {
        this.#stop(action.name, action.killAtMs);
        return;
      }
      case 'end': {
        this.#end(action.ending);
        return;
      }
      case 'finish':
        await this.#ground?.release();
        this.#over = true;
        {
          this.#options.onReleased();
          return;
        }
    }
  }

  #change(name: string, change: (run: ContainerRun) => ContainerRun): void {
    const run = this.#runs.get(name);
    if (run) this.#runs.set(name, change(run));
  }

  #stop(name: string, killAtMs: number): void {
    this.#change(name, (run) => ({ ...run, killAtMs }));
    this.#processes.get(name)?.stop(killAtMs);
  }

  #containerOf(name: string): Container {
    const { initContainers = [], containers } = this.#pod.spec;
    const container = [...initContainers, ...containers].find((c) => c.name === name);
    if (!container) throw new Error(`no container ${name}`);
    return container;
  }

  async #start(name: string): Promise<void> {
    const { store, hostIp, commandFor, createGround } = this.#options;
    const pod = this.#pod;
    const takeGround = async (): Promise<PodGround> => (this.#ground ??= await createGround(pod));
    const context = { pod, takeGround, store, hostIp, commandFor };
    const preparation = await prepareContainer(this.#containerOf(name), context);
    // The Pod may have been told to end while its container was being prepared.
    if (this.#ending) return;
    if (preparation.kind === 'prepared') await this.#startPrepared(name, preparation);
    else this.#waitFor(name, preparation);
  }

  #waitFor(name: string, { reason, message, retryMs: ms }: Obstacle): void {
    this.#log.warn({ container: name, reason }, message);
    const retryAtMs = this.#options.clock.monotonic() + ms;
    this.#change(name, (run) => afterObstacle(run, { reason, message, retryAtMs }));
  }

  async #startPrepared(name: string, { ground, command, probes }: Prepared): Promise<void> {
    const { clock, table } = this.#options;
    const times = () => ({ nowMs: clock.now(), monotonicMs: clock.monotonic() });
    const containerId = randomUUID();
    const context = { containerId, podDir: ground.podDir, logPath: ground.logPath(name), table, clock };
    try {
      const process = await startContainerProcess(command, context);
      this.#processes.set(name, process);
      void process.exited.then((exit) => this.#onExit(name, exit));
      ground.enlist(process.leader);
      this.#log.debug({ container: name, pid: process.leader.pid }, 'container started');
    } catch (err) {
      this.#log.warn({ container: name, err }, 'container cannot be started');
      const { message } = err as Error;
      this.#change(name, (run) => afterExit(run, { exitCode: 128, reason: 'StartError', message, ...times() }));
      return;
    }
    const { hasStartupProbe, hasReadinessProbe } = probes;
    this.#change(name, (run) =>
      afterStart(run, { containerId: `porthole://${containerId}`, hasStartupProbe, hasReadinessProbe, ...times() }),
    );
    const running = probes.run(clock, (news) => this.#onNews(name, news));
    this.#probes.set(name, running);
  }

  #onNews(name: string, news: ProbeNews): void {
    this.#change(name, (run) => {
      if (!isRunning(run)) return run;
      switch (news.kind) {
        case 'started':
          return { ...run, started: true, ready: news.ready };
        case 'readiness':
          return { ...run, ready: news.ready };
        case 'unhealthy':
          this.#log.warn({ container: name }, `container ${news.message}: it is stopped`);
          return { ...run, unhealthy: news.message };
      }
    });
    this.#wake();
  }

  #onExit(name: string, { exitCode, signal, output }: ProcessExit): void {
    const { clock } = this.#options;
    const speaks = this.#containerOf(name).terminationMessagePolicy === 'FallbackToLogsOnError' && exitCode !== 0;
    this.#probes.get(name)?.[Symbol.dispose]();
    this.#processes.delete(name);
    const unexpected = exitCode !== 0 && !this.#ending;
    if (unexpected) this.#log.warn({ container: name, exitCode, output }, 'container ended with an error');
    this.#change(name, (run) =>
      afterExit(run, {
        exitCode,
        nowMs: clock.now(),
        monotonicMs: clock.monotonic(),
        ...(signal === undefined ? {} : { signal }),
        ...(speaks ? { message: output } : {}),
      }),
    );
    this.#wake();
  }

  #isReportDue(): boolean {
    if (this.#gone) return false;
    // A Pod that was over before this node saw it has its last status already.
    if (this.#over) return this.#ending !== undefined;
    // Nobody is served by the stages of a deletion: what is deleted is out of use, and how it ended comes with its last status.
    return this.#ending?.cause !== 'Deleted';
  }

  /** One status write for all that has changed, none when nothing has. */
  async #report(): Promise<void> {
    const { store, hostIp, clock } = this.#options;
    if (!this.#isReportDue()) return;
    const standing = standingStatus(this.#reported, this.#pod.status);
    const next = buildPodStatus({
      podName: this.#pod.metadata.name,
      restartPolicy: toRestartPolicy(this.#pod.spec),
      runs: [...this.#runs.values()],
      initialized: this.#initialized,
      hostIp,
      startTime: this.#startTime,
      conditions: knownConditions(standing, this.#pod.status),
      nowMs: clock.now(),
      generation: this.#pod.metadata.generation,
      ...(this.#over && this.#ending ? { finishedBecause: this.#ending.cause } : {}),
      ...(this.#ground ? { podIp: this.#ground.address } : {}),
    });
    const patch = statusPatch(standing, next);
    if (!patch || this.#isForLater(standing, patch)) return;
    const { metadata } = this.#pod;
    if (!(await this.#isWritten(store.patchStatus(pods, metadata, patch, { uid: metadata.uid })))) return;
    this.#reported = { ...this.#reported, ...patch };
    this.#detailSinceMs = undefined;
    this.#detailTimer?.[Symbol.dispose]();
  }

  /** Some news can wait for the next, but not for ever. */
  #isForLater(standing: KubePodStatus, patch: MergePatch): boolean {
    if (!isDetail(standing, patch)) return false;
    const { clock } = this.#options;
    this.#detailSinceMs ??= clock.monotonic();
    const dueInMs = this.#detailSinceMs + detailDelayMs - clock.monotonic();
    if (dueInMs <= 0) return false;
    this.#detailTimer?.[Symbol.dispose]();
    this.#detailTimer = clock.schedule(dueInMs, () => this.#wake());
    return true;
  }

  async #removeObject(): Promise<void> {
    const { metadata } = this.#pod;
    const { uid } = metadata;
    const deleting = this.#options.store.delete(pods, metadata, { uid, gracePeriodSeconds: 0 });
    if (await this.#isWritten(deleting)) this.#gone = true;
  }

  /**
   * False: there is no such Pod any more, or another has its name. The watch will tell, and until it does the write is tried again: an
   * API server that has just come back says so of Pods that exist, as long as its NodeRestriction plugin does not know them yet.
   */
  async #isWritten(write: Promise<unknown>): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (error) {
      if (!isStoreError(error, 'NotFound', 'Conflict')) throw error;
      this.#wakeAt(this.#options.clock.monotonic() + retryMs);
      return false;
    }
  }
}

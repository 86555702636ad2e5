import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pods } from '../kube/builtins.ts';
import { createInformer } from '../kube/controller/informer.ts';
import type { Change } from '../kube/controller/port.ts';
import { isStoreError } from '../kube/store-error.ts';
import type { Store } from '../kube/store.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';
import { createAddressPool, type AddressPool } from './addresses.ts';
import { Assigner, requestsOf } from './assigner.ts';
import type { CommandFor } from './command.ts';
import { ResourceLedger } from './ledger.ts';
import { createPodGround } from './pod-ground.ts';
import { PodWorker } from './pod-worker.ts';
import { createProcessTable } from './process-table.ts';
import { createPodRecords } from './records.ts';
import type { Capacity } from './resources.ts';
import { lackingResources } from './scheduling.ts';
import { sweepLeftovers } from './sweep.ts';

export interface LocalNodeOptions {
  readonly store: Store;
  readonly nodeName: string;
  /** Pods of this namespace only; default: of all. */
  readonly namespace?: string;
  /** Whether it also gives itself the Pods that have no node. False where there is a scheduler. */
  readonly schedules: boolean;
  readonly commandFor: CommandFor;
  /** What Pods may request altogether. */
  readonly capacity: Capacity;
  /** For nodeSelectors; default: kubernetes.io/hostname and kubernetes.io/os. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Records of what runs, for the start after a kill -9. Private to one instance. */
  readonly stateDir: string;
  /** Pods' folders. Every folder on the way must let the Pods' users pass. May be shared by instances. */
  readonly podsDir: string;
  /**
   * First of 4000 user and group ids that nobody else on the machine uses (instances of Porthole may share the range): each Pod
   * gets one. Only for root; undefined: Pods run as whoever runs this.
   */
  readonly firstUid?: number;
  /** Default: 127.77.0.1 … 127.77.15.160. */
  readonly addresses?: AddressPool;
  /** Default: the system's. */
  readonly clock?: Clock;
  readonly logger: Logger;
  /** Aborting it disposes the node. */
  readonly signal?: AbortSignal;
}

export interface LocalNode {
  readonly name: string;
  /** What the Pods on the node request at present. */
  used(): Capacity;
  /** Monotonic ms of the last contact with the store. */
  readonly lastContactMs: number;
}

/** The node's own address, as its Pods see it in their status. */
export const hostIp = '127.0.0.1';

/** A stop of the node as a whole: for main containers, with sidecars, until everything is killed whatever the clock says, in all. */
const shutdownMs = { grace: 2_000, whole: 2_500, forced: 2_800, limit: 4_000 } as const;

/** Folders are made at once, for the first Pod must not find out that its user cannot reach them. */
function makePodsDir(podsDir: string, firstUid: number | undefined): void {
  mkdirSync(podsDir, { recursive: true, mode: 0o711 });
  if (firstUid === undefined) return;
  for (let dir = resolve(podsDir); dir !== dirname(dir); dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) {
      throw new Error(`podsDir ${podsDir}: users of pods cannot pass through ${dir}; choose another folder`);
    }
  }
}

interface NodeParts {
  readonly options: LocalNodeOptions;
  readonly clock: Clock;
  readonly createWorker: (pod: Pod, onReleased: () => void) => PodWorker;
  readonly signal: AbortSignal;
}

/** The Pods of one node: who waits, who runs, what they cost. */
class PodRoster {
  readonly ledger = new ResourceLedger();
  readonly #parts: NodeParts;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #assigner: Assigner;
  readonly #workers = new Map<string, PodWorker>();

  constructor(parts: NodeParts) {
    const { options, clock, signal } = parts;
    this.#parts = parts;
    this.#labels = options.labels ?? {
      'kubernetes.io/hostname': options.nodeName,
      'kubernetes.io/os': process.platform,
    };
    const { store, nodeName, capacity, logger } = options;
    const onAssigned = (pod: Pod): void => this.#run(pod);
    const { ledger } = this;
    const labels = this.#labels;
    this.#assigner = new Assigner({ store, nodeName, labels, capacity, ledger, clock, logger, signal, onAssigned });
  }

  onChange({ type, object }: Change<Pod>): void {
    const { options, signal } = this.#parts;
    const { uid, deletionTimestamp } = object.metadata;
    if (signal.aborted) return;
    if (type === 'deleted' || object.spec.nodeName !== undefined) this.#assigner.withdraw(uid);
    if (type === 'deleted') {
      this.#forget(uid);
      return;
    }
    if (object.spec.nodeName === options.nodeName) {
      this.#runOrUpdate(object);
      return;
    }
    const isWaiting = object.spec.nodeName === undefined && deletionTimestamp === undefined;
    if (isWaiting && options.schedules) this.#assigner.offer(object);
  }

  /** Ends all Pods; resolves when nothing is left, or when time is up. */
  async shutDown(): Promise<void> {
    const workers = [...this.#workers.values()];
    const over = new AbortController();
    const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal: over.signal }).catch(() => undefined);
    for (const worker of workers) worker.shutDown(shutdownMs.grace, shutdownMs.whole);
    const allFinished = Promise.all(workers.map((w) => w.finished.promise)).then(() => over.abort());
    const forced = wait(shutdownMs.forced).then(() => {
      for (const worker of workers) worker.shutDown(0, 0);
    });
    await Promise.race([allFinished, wait(shutdownMs.limit)]);
    over.abort();
    await forced;
  }

  #runOrUpdate(pod: Pod): void {
    const worker = this.#workers.get(pod.metadata.uid);
    if (worker) worker.update(pod);
    else this.#run(pod);
  }

  #run(pod: Pod): void {
    const { uid } = pod.metadata;
    if (this.#workers.has(uid) || this.#parts.signal.aborted) return;
    const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (!isOver && !this.ledger.has(uid)) {
      const requests = requestsOf(pod.spec);
      const { capacity } = this.#parts.options;
      const lacks = lackingResources(requests, { capacity, labels: this.#labels, used: this.ledger.used() });
      if (lacks[0] !== undefined) return void this.#reject(pod, lacks[0]);
      this.ledger.charge(uid, requests);
    }
    this.#workers.set(
      uid,
      this.#parts.createWorker(pod, () => this.#giveBack(uid)),
    );
  }

  #giveBack(uid: string): void {
    if (this.ledger.giveBack(uid)) this.#assigner.wake();
  }

  /** Someone assigned a Pod that does not fit: kubelet's OutOfcpu. */
  async #reject(pod: Pod, resource: string): Promise<void> {
    const { store, logger } = this.#parts.options;
    const reason = `OutOf${resource}`;
    const message = `Pod was rejected: Node didn't have enough resource: ${resource}`;
    try {
      await store.patchStatus(pods, pod.metadata, { phase: 'Failed', reason, message }, { uid: pod.metadata.uid });
    } catch (err) {
      if (!isStoreError(err, 'NotFound', 'Conflict'))
        logger.warn({ err, pod: pod.metadata.name }, 'cannot reject a pod');
    }
  }

  #forget(uid: string): void {
    const worker = this.#workers.get(uid);
    if (!worker) return;
    worker.objectGone();
    void worker.finished.promise.then(() => this.#workers.delete(uid));
  }
}

function createRoster(options: LocalNodeOptions, clock: Clock, signal: AbortSignal) {
  const { store, podsDir, firstUid, logger, commandFor } = options;
  const table = createProcessTable();
  const addresses = options.addresses ?? createAddressPool();
  const records = createPodRecords(options.stateDir);
  const uids = firstUid === undefined ? {} : { firstUid };
  const createGround = (pod: Pod) =>
    createPodGround(pod, { store, podsDir, addresses, records, table, logger, ...uids });
  const createWorker = (pod: Pod, onReleased: () => void): PodWorker =>
    new PodWorker(pod, { store, createGround, commandFor, hostIp, table, clock, logger, onReleased });
  const roster = new PodRoster({ options, clock, createWorker, signal });
  return { roster, sweep: () => sweepLeftovers({ records, table, addresses, logger }) };
}

/**
 * Starts a small kubelet: Pods of the store that are assigned to `nodeName` run as local processes, each with a loopback address
 * of its own, and their status is written back. First of all it removes what an instance that was killed has left, by
 * its records in `stateDir`. Disposing ends all Pods gracefully, within 4 seconds.
 *
 * Made for Linux. Elsewhere there is no /proc: then a container's process group is all that is ended, nothing is found after a
 * kill -9 but folders, and the addresses must have been given to the loopback interface beforehand.
 * A process that runs as root, or shares its user with others, and takes off into a session of its own with an empty
 * environment and no parent, is not found either; Pods with users of their own have no such gap.
 */
export async function startLocalNode(options: LocalNodeOptions): Promise<LocalNode & AsyncDisposable> {
  const { store, namespace, logger, clock = systemClock } = options;
  const stop = new AbortController();
  makePodsDir(options.podsDir, options.firstUid);
  const { roster, sweep } = createRoster(options, clock, stop.signal);
  await sweep();
  const scope = {
    ...(namespace !== undefined && { namespace }),
    // A kubelet may see the Pods of its own node only.
    ...(!options.schedules && { fields: { 'spec.nodeName': options.nodeName } }),
  };
  const informer = createInformer(store, pods, { ...scope, clock, logger, signal: stop.signal });
  informer.onChange((change) => roster.onChange(change));
  let disposal: Promise<void> | undefined;
  const dispose = (): Promise<void> => {
    stop.abort();
    return (disposal ??= roster.shutDown());
  };
  options.signal?.addEventListener('abort', () => void dispose(), { once: true });
  if (options.signal?.aborted) await dispose();
  else await informer.synced;
  return {
    name: options.nodeName,
    used: () => roster.ledger.used(),
    get lastContactMs() {
      return informer.lastContactMs;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

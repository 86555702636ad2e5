import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { pods } from '../kube/builtins.ts';
import { isStoreError } from '../kube/store-error.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';
import type { ResourceLedger } from './ledger.ts';
import { unschedulableCondition } from './pod-status.ts';
import { podRequests, type Capacity, type Resources } from './resources.ts';
import { planAssignments, type Verdict } from './scheduling.ts';

export interface AssignerOptions {
  readonly store: Store;
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Capacity;
  readonly ledger: ResourceLedger;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onAssigned: (pod: Pod) => void;
}

/** Until a write that failed is tried again. */
const retryMs = 1_000;

/** No node has so much: for requests that cannot be read. */
const impossible: Resources = { cpuMillis: Infinity, memoryBytes: Infinity };

/** What a Pod requests; more than any node has when its quantities are malformed. */
export function requestsOf(spec: PodSpec): Resources {
  try {
    return podRequests(spec);
  } catch {
    return impossible;
  }
}

/** kube-scheduler for one node: gives it the Pods that nobody has, while they fit. */
export class Assigner {
  readonly #options: AssignerOptions;
  readonly #waiting = new Map<string, Pod>();
  #busy = false;
  #dirty = false;

  constructor(options: AssignerOptions) {
    this.#options = options;
  }

  /** A Pod without a node, or a new version of one. */
  offer(pod: Pod): void {
    const { uid } = pod.metadata;
    if (this.#options.ledger.has(uid)) return; // assigned just now; this version is older
    const isNew = !this.#waiting.has(uid);
    this.#waiting.set(uid, pod);
    if (isNew) this.wake();
  }

  withdraw(uid: string): void {
    this.#waiting.delete(uid);
  }

  /** Something has become free. */
  wake(): void {
    this.#dirty = true;
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#dirty && !this.#options.signal.aborted) {
      this.#dirty = false;
      await this.#assignAll();
    }
    this.#busy = false;
  }

  async #assignAll(): Promise<void> {
    const { capacity, labels, ledger, clock, logger } = this.#options;
    const waiting = [...this.#waiting.values()].map(({ metadata, spec }) => ({
      uid: metadata.uid,
      requests: requestsOf(spec),
      nodeSelector: spec.nodeSelector ?? {},
    }));
    for (const verdict of planAssignments(waiting, { capacity, labels, used: ledger.used() })) {
      const pod = this.#waiting.get(verdict.uid);
      if (!pod) continue; // withdrawn meanwhile
      try {
        await this.#apply(pod, verdict);
      } catch (err) {
        if (isStoreError(err, 'NotFound', 'Conflict')) continue; // the watch will tell
        logger.warn({ err, pod: pod.metadata.name }, 'a pod could not be assigned: trying again');
        clock.schedule(retryMs, () => this.wake());
      }
    }
  }

  async #apply(pod: Pod, verdict: Verdict): Promise<void> {
    const { uid } = pod.metadata;
    if (verdict.kind === 'unschedulable') return this.#sayWhyNot(pod, verdict.message);
    const { store, nodeName, ledger, onAssigned } = this.#options;
    ledger.charge(uid, requestsOf(pod.spec));
    this.#waiting.delete(uid);
    try {
      onAssigned(await store.patch(pods, pod.metadata, { spec: { nodeName } }, { uid }));
    } catch (error) {
      ledger.giveBack(uid);
      if (!isStoreError(error, 'NotFound', 'Conflict')) this.#waiting.set(uid, pod);
      throw error;
    }
  }

  async #sayWhyNot(pod: Pod, message: string): Promise<void> {
    const { store, clock } = this.#options;
    const { uid } = pod.metadata;
    const said = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
    if (said?.message === message) return;
    const conditions = unschedulableCondition(pod.status?.conditions ?? [], message, clock.now());
    const stored = await store.patchStatus(pods, pod.metadata, { phase: 'Pending', conditions }, { uid });
    if (this.#waiting.has(uid)) this.#waiting.set(uid, stored);
  }
}

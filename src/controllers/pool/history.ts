import { classifySandbox, isReady, isUnschedulable } from '../../core/pods/classify.ts';
import { isDisplaced } from '../../core/pods/loss.ts';
import { explainDelay, findTrouble, type Trouble } from '../../core/pods/trouble.ts';
import { noDemand, withArrival, withBoot, type Demand } from '../../core/pool/demand.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { Pod } from '../../lib/kubernetes.ts';

export interface PoolHistory {
  demand: Demand;
  /** Of the template that the failures are of. */
  templateHash: string | undefined;
  startFailures: number;
  /** How many of them have been told of. */
  toldFailures: number;
  lastFailureMs: number;
  /** What keeps sandboxes from starting, since one has started. The first words of a kind stay: a condition does not flap. */
  trouble: Trouble | undefined;
  /** The pod that it was last seen of. */
  troubledPod: string | undefined;
  /** Until when the API server is not asked for another Pod. */
  noRoomUntilMs: number;
  heldBackSinceMs: number | undefined;
}

/** For so long no Pod is asked for where a ResourceQuota is used up. */
const noRoomMs = 5_000;

/** What pools have been through, by name; all times monotonic milliseconds. */
export class PoolHistories {
  readonly #pools = new Map<string, PoolHistory>();
  readonly #bootingSince = new Map<string, number>();
  /** Pods of which is known how their start went. */
  readonly #judged = new Set<string>();

  of(pool: string): PoolHistory {
    const known = this.#pools.get(pool);
    if (known) return known;
    const fresh: PoolHistory = {
      demand: noDemand,
      templateHash: undefined,
      startFailures: 0,
      toldFailures: 0,
      lastFailureMs: 0,
      trouble: undefined,
      troubledPod: undefined,
      noRoomUntilMs: 0,
      heldBackSinceMs: undefined,
    };
    this.#pools.set(pool, fresh);
    return fresh;
  }

  claimed(pool: string, wasWarm: boolean, nowMs: number): void {
    const history = this.of(pool);
    history.demand = withArrival(history.demand, nowMs, wasWarm);
  }

  /** Measures boots, counts sandboxes that died before they were usable, warm and cold, and notes why. */
  observe(pod: Pod, nowMs: number): void {
    const { uid } = pod.metadata;
    if (this.#judged.has(uid)) return;
    const state = classifySandbox(pod);
    const since = this.#bootingSince.get(uid);
    // Waiting for a node is no part of booting.
    if (isUnschedulable(pod)) this.#bootingSince.delete(uid);
    else if (state === 'failed') this.#died(pod, nowMs, since !== undefined);
    else if (isReady(pod)) this.#booted(pod, since === undefined ? undefined : nowMs - since);
    else if (state !== 'ending') this.#starts(pod, since ?? nowMs);
  }

  /** What another template did says nothing about this one. */
  usesTemplate(pool: string, templateHash: string): void {
    const history = this.of(pool);
    if (history.templateHash !== undefined && history.templateHash !== templateHash) this.#mended(history);
    history.templateHash = templateHash;
  }

  /** They were not usable by the startup deadline. */
  gaveUp(pool: string, given: readonly Pod[], nowMs: number): void {
    for (const pod of given) {
      this.#judged.add(pod.metadata.uid);
      this.#failed(this.of(pool), explainDelay(pod), nowMs);
    }
  }

  /** The API server did not take a Pod of the pool. */
  refused(pool: string, trouble: Trouble, nowMs: number): void {
    const history = this.of(pool);
    if (trouble.reason !== 'QuotaExceeded') {
      this.#failed(history, trouble, nowMs);
      return;
    }
    // The template is as good as before.
    history.trouble = trouble;
    history.noRoomUntilMs = nowMs + noRoomMs;
  }

  /** Something has changed that may have been the trouble: it is tried again at once. */
  retry(pool: string): void {
    this.of(pool).lastFailureMs = -Infinity;
  }

  /** The API server took one. */
  accepted(pool: string): void {
    const history = this.of(pool);
    if (history.trouble?.reason === 'QuotaExceeded') history.trouble = undefined;
  }

  forget(podUid: string): void {
    this.#bootingSince.delete(podUid);
    this.#judged.delete(podUid);
    for (const history of this.#pools.values())
      if (history.troubledPod === podUid && history.startFailures === 0) this.#mended(history);
  }

  #starts(pod: Pod, sinceMs: number): void {
    this.#bootingSince.set(pod.metadata.uid, sinceMs);
    const trouble = findTrouble(pod);
    if (!trouble) return;
    const history = this.#ofPod(pod);
    noteTrouble(history, trouble);
    history.troubledPod = pod.metadata.uid;
  }

  #booted(pod: Pod, bootMs: number | undefined): void {
    const history = this.#ofPod(pod);
    if (bootMs !== undefined) history.demand = withBoot(history.demand, bootMs);
    if (bootMs !== undefined) this.#mended(history);
    this.#judge(pod);
  }

  #died(pod: Pod, nowMs: number, wasStarting: boolean): void {
    if (wasStarting && !isDisplaced(pod)) this.#failed(this.#ofPod(pod), explainDelay(pod), nowMs);
    this.#judge(pod);
  }

  #judge({ metadata: { uid } }: Pod): void {
    this.#judged.add(uid);
    this.#bootingSince.delete(uid);
  }

  #failed(history: PoolHistory, trouble: Trouble, nowMs: number): void {
    history.startFailures += 1;
    history.lastFailureMs = nowMs;
    noteTrouble(history, trouble);
  }

  #mended(history: PoolHistory): void {
    history.startFailures = 0;
    history.trouble = undefined;
    history.troubledPod = undefined;
  }

  #ofPod({ metadata }: Pod): PoolHistory {
    return this.of(metadata.labels?.[labels.pool] ?? '');
  }
}

function noteTrouble(history: PoolHistory, trouble: Trouble): void {
  if (history.trouble?.reason !== trouble.reason) history.trouble = trouble;
}

import { leases, nodes } from '../kube/builtins.ts';
import { isStoreError } from '../kube/store-error.ts';
import type { Store } from '../kube/store.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import type { Node } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';
import { formatMicroTime } from '../lib/time.ts';
import { buildNode, buildNodeStatus, isAsWanted, missingLabels, type NodeFacts } from './node-object.ts';

export interface RegistrationOptions {
  readonly store: Store;
  readonly facts: NodeFacts;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface NodeRegistration {
  /** Says that the node takes no Pods any more, if the store can be reached within a second, and ends the heartbeat. */
  withdraw(): Promise<void>;
}

/**
 * kubelet's own figures: a Lease that is renewed every 10 s and good for 40, a look at the Node as often, its status written when it is
 * not as it should be, or else every 5 minutes. https://kubernetes.io/docs/concepts/architecture/leases/#node-heart-beats
 */
const heartbeatMs = 10_000;
const leaseSeconds = 40;
const statusReportMs = 300_000;
/** Until a first registration that failed is tried again. */
const retryMs = 500;
const withdrawalLimitMs = 1_000;

const leaseNamespace = 'kube-node-lease';

class Registration implements NodeRegistration {
  readonly #options: RegistrationOptions;
  readonly #stop = new AbortController();
  #reportedAtMs = -Infinity;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Resolves once the Node is Ready in the store, or `signal` aborts. */
  async register(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted && !(await this.#beat())) await sleep(clock, retryMs, signal);
    void this.#keepBeating();
  }

  async withdraw(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await Promise.race([this.#sayNotReady(), sleep(this.#options.clock, withdrawalLimitMs)]);
  }

  async #keepBeating(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await sleep(this.#options.clock, heartbeatMs, signal);
      if (signal.aborted) return;
      await this.#beat();
    }
  }

  /** False: something failed, and the log says what. */
  async #beat(): Promise<boolean> {
    try {
      const node = await this.#syncNode();
      await this.#renewLease(node);
      return true;
    } catch (err) {
      this.#options.logger.warn({ err }, 'the node cannot report: trying again');
      return false;
    }
  }

  async #syncNode(): Promise<Node> {
    const { store, facts, clock } = this.#options;
    const node = (await store.get(nodes, keyOf(facts))) ?? (await this.#create());
    const labels = missingLabels(node, facts);
    if (Object.keys(labels).length > 0) await store.patch(nodes, node.metadata, { metadata: { labels } });
    const isDue = clock.monotonic() - this.#reportedAtMs >= statusReportMs;
    if (!isDue && isAsWanted(node, facts)) return node;
    await this.#writeStatus(node, true);
    this.#reportedAtMs = clock.monotonic();
    return node;
  }

  async #create(): Promise<Node> {
    const { store, facts, logger } = this.#options;
    logger.info({ node: facts.name }, 'registering the node');
    return store.create(nodes, buildNode(facts));
  }

  async #writeStatus({ metadata, status }: Node, isReady: boolean): Promise<void> {
    const { store, facts, clock } = this.#options;
    const moment = { isReady, conditions: status?.conditions ?? [], nowMs: clock.now() };
    await store.patchStatus(nodes, metadata, { ...buildNodeStatus(facts, moment) }, { uid: metadata.uid });
  }

  async #renewLease({ apiVersion, kind, metadata }: Node): Promise<void> {
    const { store, facts, clock } = this.#options;
    const key = { namespace: leaseNamespace, name: facts.name };
    const renewTime = formatMicroTime(clock.now());
    const spec = { holderIdentity: facts.name, leaseDurationSeconds: leaseSeconds, renewTime };
    try {
      await store.patch(leases, key, { spec });
    } catch (error) {
      if (!isStoreError(error, 'NotFound')) throw error;
      const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }];
      await store.create(leases, { ...leaseType, metadata: { ...key, ownerReferences }, spec });
    }
  }

  async #sayNotReady(): Promise<void> {
    const { store, facts, logger } = this.#options;
    try {
      const node = await store.get(nodes, keyOf(facts));
      if (node) await this.#writeStatus(node, false);
    } catch (err) {
      logger.warn({ err }, 'the node could not say that it stops; its lease will run out');
    }
  }
}

const leaseType = { apiVersion: leases.apiVersion, kind: leases.kind };

function keyOf({ name }: NodeFacts): { readonly namespace: string; readonly name: string } {
  return { namespace: '', name };
}

/** Registers a Node and keeps it Ready, as kubelet does, until it is withdrawn. The object stays: it is the machine's, not the process's. */
export async function registerNode(options: RegistrationOptions, signal: AbortSignal): Promise<NodeRegistration> {
  const registration = new Registration(options);
  await registration.register(signal);
  return registration;
}

/**
 * A node whose Pods are Running and Ready as soon as it hears of them: no process is started, but at each Pod's address an agent
 * answers (fake-agents.ts). So what is measured is the control plane. It writes what the local node writes for a Pod: one status,
 * one removal; and it renews its Lease. A program: `fake-node.ts <kubeconfig> <name of the Node>` says `ready`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerStatus, PodStatus } from 'kubernetes-types/core/v1.js';
import { labels } from '../../../src/api/v1alpha1/group.ts';
import { pods } from '../../../src/kube/builtins.ts';
import { createInformer } from '../../../src/kube/controller/informer.ts';
import { isStoreError } from '../../../src/kube/store-error.ts';
import type { Store } from '../../../src/kube/store.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Pod } from '../../../src/lib/kubernetes.ts';
import { formatTime } from '../../../src/lib/time.ts';
import type { NodeFacts } from '../../../src/localnode/node-object.ts';
import { registerNode } from '../../../src/localnode/node-registration.ts';
import { connectStore } from './connect-store.ts';
import { createFakeAgents, type FakeAgents } from './fake-agents.ts';

const hostIp = '127.0.0.1';

/** Addresses of loopback that the local node does not use: 127.78.1.1 … 127.78.250.250. Two fake nodes begin elsewhere in it. */
function* createAddresses(): Generator<string, never> {
  for (let n = process.pid; ; n += 1) yield `127.78.${1 + (Math.floor(n / 250) % 250)}.${1 + (n % 250)}`;
}

function runningContainer(name: string, image: string, startedAt: string): ContainerStatus {
  const containerID = `fake://${name}`;
  return {
    name,
    image,
    imageID: image,
    containerID,
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt } },
  };
}

function runningStatus({ spec, status }: Pod, podIP: string): PodStatus {
  const now = formatTime(systemClock.now());
  const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'];
  const kept = (status?.conditions ?? []).filter((condition) => !types.includes(condition.type));
  return {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    startTime: now,
    conditions: [...kept, ...types.map((type) => ({ type, status: 'True', lastTransitionTime: now }))],
    initContainerStatuses: (spec.initContainers ?? []).map(({ name, image = '' }) =>
      runningContainer(name, image, now),
    ),
    containerStatuses: spec.containers.map(({ name, image = '' }) => runningContainer(name, image, now)),
  };
}

function isCalledUnready({ status }: Pod): boolean {
  return (status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'False');
}

const retryMs = 200;

/** An API server that is away comes back. */
async function untilAnswered(write: () => Promise<unknown>, isThere: () => Promise<boolean>): Promise<void> {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      // A server that has just come back refuses a node for a moment, or knows nothing of its Pods.
      if (!isStoreError(error, 'Unavailable', 'Forbidden') && !(await isThere())) throw error;
      await delay(retryMs);
    }
  }
}

/** Each Pod from its arrival to its removal. */
class FakePods {
  readonly #store: Store;
  readonly #agents: FakeAgents;
  readonly #addresses = createAddresses();
  readonly #addressOf = new Map<string, string>();
  readonly #removed = new Set<string>();

  constructor(store: Store, agents: FakeAgents) {
    this.#store = store;
    this.#agents = agents;
  }

  async look(pod: Pod): Promise<void> {
    const { uid, deletionTimestamp } = pod.metadata;
    const { podIP } = pod.status ?? {};
    if (deletionTimestamp !== undefined) await this.#remove(pod);
    else if (!this.#addressOf.has(uid)) await this.#run(pod);
    // Said of all Pods of a node that is taken for lost.
    else if (podIP !== undefined && isCalledUnready(pod)) await this.#report(pod, podIP);
  }

  forget({ metadata: { uid } }: Pod): void {
    const podIp = this.#addressOf.get(uid);
    if (podIp !== undefined) this.#agents.stop(podIp);
    this.#addressOf.delete(uid);
    this.#removed.delete(uid);
  }

  async #run(pod: Pod): Promise<void> {
    const { uid } = pod.metadata;
    const known = pod.status?.podIP;
    // Not twice, whatever comes meanwhile.
    this.#addressOf.set(uid, known ?? '');
    const podIp = known ?? (await this.#startAgent());
    this.#addressOf.set(uid, podIp);
    if (known !== undefined) {
      await this.#agents.start(known);
      return;
    }
    await this.#report(pod, podIp);
  }

  async #report(pod: Pod, podIp: string): Promise<void> {
    const status = { ...runningStatus(pod, podIp) };
    await untilAnswered(
      () => this.#store.patchStatus(pods, pod.metadata, status, { uid: pod.metadata.uid }),
      () => this.#isThere(pod),
    );
  }

  /** At the next address that is free. */
  async #startAgent(): Promise<string> {
    for (;;) {
      const podIp = this.#addresses.next().value;
      const isFree = await this.#agents.start(podIp).then(
        () => true,
        () => false,
      );
      if (isFree) return podIp;
    }
  }

  async #isThere({ metadata }: Pod): Promise<boolean> {
    const stored = await this.#store.get(pods, metadata).catch(() => 'unknown' as const);
    return stored === 'unknown' || stored?.metadata.uid === metadata.uid;
  }

  async #remove(pod: Pod): Promise<void> {
    const { metadata } = pod;
    const { uid } = metadata;
    if (this.#removed.has(uid)) return;
    this.#removed.add(uid);
    await untilAnswered(
      () => this.#store.delete(pods, metadata, { uid, gracePeriodSeconds: 0 }),
      () => this.#isThere(pod),
    );
  }
}

/** What the bench asks for, by any message. */
export interface PodCounts {
  /** Ready, and nobody's. */
  readonly warm: number;
  /** Ready, and labelled with a session. */
  readonly claimed: number;
  /** All the others: on their way in or out. */
  readonly moving: number;
}

function countPods(all: readonly Pod[]): PodCounts {
  const settled = all.filter(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.podIP !== undefined,
  );
  const claimed = settled.filter(({ metadata }) => metadata.labels?.[labels.sessionUid] !== undefined).length;
  return { warm: settled.length - claimed, claimed, moving: all.length - settled.length };
}

const facts = (name: string): NodeFacts => ({
  name,
  labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
  capacity: { cpuMillis: 1e8, memoryBytes: 1e14, pods: 1e5 },
  storageBytes: 1e14,
  address: hostIp,
  machine: {
    machineId: 'fake',
    bootId: 'fake',
    kernelVersion: 'fake',
    osImage: 'fake',
    operatingSystem: 'linux',
    architecture: 'amd64',
  },
  version: 'fake',
});

const complain = (error: unknown): void => {
  if (!isStoreError(error, 'NotFound', 'Conflict')) process.stderr.write(`${String(error)}\n`);
};

const [kubeconfig = '', name = ''] = process.argv.slice(2);
const { store, ...watching } = connectStore(kubeconfig, 'fake-node');
const fakePods = new FakePods(store, createFakeAgents());
// As a kubelet, it says that it is Ready after all, should somebody have taken it for lost.
await registerNode({ store, facts: facts(name), ...watching }, watching.signal);
const informer = createInformer(store, pods, {
  ...watching,
  fields: { 'spec.nodeName': name },
});
informer.onChange(({ type, object }) => {
  if (type === 'deleted') fakePods.forget(object);
  else fakePods.look(object).catch(complain);
});
await informer.synced;
process.on('message', () => process.send?.(countPods(informer.list())));
process.once('disconnect', () => process.exit());
process.stdout.write('ready\n');
process.once('SIGTERM', () => process.exit());

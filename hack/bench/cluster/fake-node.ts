/**
 * A node whose Pods are Running and Ready as soon as it hears of them: no process is started, but at each Pod's address an agent
 * answers (fake-agents.ts). So what is measured is the control plane. It writes what the local node writes for a Pod: one status,
 * one removal; and it renews its Lease. A program: `fake-node.ts <kubeconfig> <name of the Node>` says `ready`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerStatus, PodStatus } from 'kubernetes-types/core/v1.js';
import { labels } from '../../../src/api/v1alpha1/group.ts';
import { leases, nodes, pods } from '../../../src/kube/builtins.ts';
import { createInformer } from '../../../src/kube/controller/informer.ts';
import { isStoreError } from '../../../src/kube/store-error.ts';
import type { Store } from '../../../src/kube/store.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Pod } from '../../../src/lib/kubernetes.ts';
import { formatTime } from '../../../src/lib/time.ts';
import { connectStore } from './connect-store.ts';
import { createFakeAgents, type FakeAgents } from './fake-agents.ts';

/** Well within the 40 s after which kube-controller-manager takes a node for lost. */
const heartbeatMs = 10_000;
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
    if (deletionTimestamp !== undefined) await this.#remove(pod);
    else if (!this.#addressOf.has(uid)) await this.#run(pod);
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
    const status = { ...runningStatus(pod, podIp) };
    await untilAnswered(
      () => this.#store.patchStatus(pods, pod.metadata, status, { uid }),
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

async function register(store: Store, name: string): Promise<void> {
  const metadata = { name, namespace: '', labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } };
  const now = formatTime(systemClock.now());
  const most = { cpu: '100k', memory: '100Ti', pods: '100k' };
  await store.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata, spec: {} }).catch(ignore('AlreadyExists'));
  await store.patchStatus(nodes, metadata, {
    capacity: most,
    allocatable: most,
    addresses: [{ type: 'InternalIP', address: hostIp }],
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'FakeNode',
        message: '',
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      },
    ],
  });
}

async function renewLease(store: Store, name: string): Promise<void> {
  const metadata = { name, namespace: 'kube-node-lease' };
  const renewTime = formatTime(systemClock.now()).replace(/(\.\d+)?Z$/, '.000000Z');
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
  const apiVersion = 'coordination.k8s.io/v1';
  try {
    await store.patch(leases, metadata, { spec });
  } catch (error) {
    if (!isStoreError(error, 'NotFound')) throw error;
    await store.create(leases, { apiVersion, kind: 'Lease', metadata, spec });
  }
}

function ignore(code: 'AlreadyExists' | 'NotFound' | 'Conflict') {
  return (error: unknown): void => {
    if (!isStoreError(error, code)) throw error;
  };
}

const complain = (error: unknown): void => {
  if (!isStoreError(error, 'NotFound', 'Conflict')) process.stderr.write(`${String(error)}\n`);
};

const [kubeconfig = '', name = ''] = process.argv.slice(2);
const { store, ...watching } = connectStore(kubeconfig, 'fake-node');
const fakePods = new FakePods(store, createFakeAgents());
await register(store, name);
const heartbeat = (): void => void renewLease(store, name).catch(complain);
heartbeat();
setInterval(heartbeat, heartbeatMs);
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

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../test/support/fakes.ts';
import { leases, nodes } from '../kube/builtins.ts';
import { createMemoryStore, type MemoryStore } from '../kube/memory/memory-store.ts';
import { StoreError } from '../kube/store-error.ts';
import type { Store } from '../kube/store.ts';
import { createSteppedClock, type SteppedClock } from '../lib/clock.ts';
import type { Lease, Node } from '../lib/kubernetes.ts';
import type { NodeFacts } from './node-object.ts';
import { registerNode, type NodeRegistration } from './node-registration.ts';

const facts: NodeFacts = {
  name: 'x',
  labels: { 'kubernetes.io/hostname': 'x', 'kubernetes.io/os': 'linux' },
  capacity: { cpuMillis: 1500, memoryBytes: 2 ** 30, pods: 7 },
  storageBytes: 1_000,
  address: '127.0.0.1',
  machine: {
    machineId: 'm',
    bootId: 'b',
    kernelVersion: '6',
    osImage: 'Linux',
    operatingSystem: 'linux',
    architecture: 'amd64',
  },
  version: '1.2.3',
};
const nodeKey = { namespace: '', name: 'x' };
const leaseKey = { namespace: 'kube-node-lease', name: 'x' };
const statusOf = (node: Node | undefined, type: string): string | undefined =>
  node?.status?.conditions?.find((c) => c.type === type)?.status;

let clock: SteppedClock;
let store: MemoryStore;
let registrations: NodeRegistration[];
const getNode = (): Promise<Node | undefined> => store.get(nodes, nodeKey);
const getLease = (): Promise<Lease | undefined> => store.get(leases, leaseKey);
async function register(through: Store = store): Promise<NodeRegistration> {
  const { signal } = new AbortController();
  const registration = await registerNode({ store: through, facts, clock, logger: silentLogger }, signal);
  registrations.push(registration);
  return registration;
}

beforeEach(() => {
  clock = createSteppedClock(Date.parse('2026-01-01T00:00:00Z'));
  store = createMemoryStore({ clock });
  registrations = [];
});
afterEach(async () => {
  await Promise.all(registrations.map((r) => r.withdraw()));
  await store[Symbol.asyncDispose]();
});

describe('a node that registers', () => {
  test('is Ready, says what it has, and holds a lease that it owns', async () => {
    await register();
    const node = await getNode();
    expect(node?.metadata.labels).toEqual(facts.labels);
    expect(node?.status).toMatchObject({
      allocatable: { cpu: '1500m', memory: '1073741824', pods: '7', 'ephemeral-storage': '1000' },
      addresses: [
        { type: 'InternalIP', address: '127.0.0.1' },
        { type: 'Hostname', address: 'x' },
      ],
      nodeInfo: { bootID: 'b', containerRuntimeVersion: 'porthole://1.2.3' },
    });
    expect(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => statusOf(node, type))).toEqual([
      'True',
      'False',
      'False',
      'False',
    ]);
    expect(await getLease()).toMatchObject({
      metadata: { ownerReferences: [{ kind: 'Node', name: 'x', uid: node?.metadata.uid }] },
      spec: { holderIdentity: 'x', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' },
    });
  });

  test('renews its lease every ten seconds, and its status every five minutes only', async () => {
    await register();
    const before = await getNode();
    await clock.step(290_000);
    expect((await getLease())?.spec.renewTime).toBe('2026-01-01T00:04:50.000000Z');
    expect(await getNode()).toEqual(before);
    await clock.step(10_000);
    const ready = (await getNode())?.status?.conditions?.find((c) => c.type === 'Ready');
    expect(ready).toMatchObject({
      lastHeartbeatTime: '2026-01-01T00:05:00.000Z',
      lastTransitionTime: '2026-01-01T00:00:00.000Z',
    });
  });

  test('takes up the Node that an earlier start left, with the labels of others', async () => {
    await (await register()).withdraw();
    const left = await store.patch(nodes, nodeKey, {
      metadata: { labels: { 'kubernetes.io/os': 'plan9', mine: 'yes' } },
    });
    await register();
    const node = await getNode();
    expect(node?.metadata).toMatchObject({ uid: left.metadata.uid, labels: { ...facts.labels, mine: 'yes' } });
    expect(statusOf(node, 'Ready')).toBe('True');
  });

  test('says that it is Ready again when somebody has written that it is not', async () => {
    await register();
    const other = { type: 'Frobnicated', status: 'True' };
    const lost = { type: 'Ready', status: 'Unknown', lastTransitionTime: '2026-01-01T00:00:00Z' };
    await store.patchStatus(nodes, nodeKey, { conditions: [lost, other] });
    await clock.step(10_000);
    const node = await getNode();
    expect(statusOf(node, 'Ready')).toBe('True');
    expect(statusOf(node, 'Frobnicated')).toBe('True');
  });

  test('comes back when its Node was deleted', async () => {
    await register();
    await store.delete(nodes, nodeKey);
    await clock.step(10_000);
    expect(statusOf(await getNode(), 'Ready')).toBe('True');
  });

  test('waits for a store that is not there yet', async () => {
    let calls = 0;
    const away = new Proxy(store, {
      get: (target, name: keyof MemoryStore) =>
        name === 'get' && calls++ < 2
          ? () => Promise.reject(new StoreError('Unavailable', 'not yet'))
          : (target[name] as () => unknown).bind(target),
    });
    const registered = register(away);
    await clock.step(400);
    expect(await getNode()).toBeUndefined();
    await clock.step(600);
    await registered;
    expect(statusOf(await getNode(), 'Ready')).toBe('True');
  });
});

test('a node that is withdrawn is not Ready, and its heart beats no more', async () => {
  const registration = await register();
  await registration.withdraw();
  expect(statusOf(await getNode(), 'Ready')).toBe('False');
  const before = await getLease();
  await clock.step(60_000);
  expect(await getLease()).toEqual(before);
  expect(statusOf(await getNode(), 'Ready')).toBe('False');
});

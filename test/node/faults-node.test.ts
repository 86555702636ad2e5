import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { listCgroupPids } from '../../hack/node/cgroups.ts';
import type { BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import type { Node, Pod } from '../../src/lib/kubernetes.ts';
import { attach } from '../support/cdp-client.ts';
import { createKubectl, type Kubectl } from '../support/kubectl.ts';
import { startNodeWorld, type NodeWorld } from '../support/node-world.ts';
import { stretch } from '../support/patience.ts';

/** What befalls a real node under live sessions. One after the other, the one that nobody gets over last. */

const patience = { timeout: 120_000, interval: 250 } as const;
/** Kubernetes gives a node up after 50 s; its sandboxes bear that for 30 s. */
const lostPatience = { timeout: 240_000, interval: 500 } as const;
const nodeName = 'porthole-node';

let world: NodeWorld;
let kubectl: Kubectl;
beforeAll(async () => {
  world = await startNodeWorld({ runtime: 'runc', maxConcurrentSessions: 1, warm: { min: 1, max: 1 } });
  kubectl = createKubectl(world);
});
afterAll(() => world[Symbol.asyncDispose]());

const isReady = ({ status }: Pick<Pod | Node, 'status'>): boolean =>
  (status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
const warmPods = async (): Promise<readonly Pod[]> =>
  (await kubectl.pods('!porthole.dev/session-uid,porthole.dev/pool')).filter(
    (pod) => isReady(pod) && !pod.metadata.deletionTimestamp,
  );
const untilWarm = () =>
  vi.waitFor(async () => {
    const [pod] = await warmPods();
    expect(pod).toBeDefined();
    return pod;
  }, patience);
const sessionOf = async (id: string): Promise<BrowserSession | undefined> => {
  const text = await kubectl('get', 'browsersessions', '--output=json');
  return (JSON.parse(text) as { items: BrowserSession[] }).items.find(({ metadata }) => metadata.uid === id);
};

/** Kills a process of the node, which is started again, and waits until the node is what it was. */
async function restart(name: 'containerd' | 'kubelet'): Promise<void> {
  const before = world.pidOf(name);
  process.kill(before, 'SIGKILL');
  await vi.waitFor(() => expect(world.pidOf(name)).not.toBe(before), patience);
  await vi.waitFor(async () => {
    const node = await kubectl.find<Node>(`node/${nodeName}`);
    expect(node && isReady(node)).toBe(true);
  }, patience);
}

describe.each(['containerd', 'kubelet'] as const)('a %s that is killed and started again', (name) => {
  it('costs no session its browser, nor its client the connection', async () => {
    await untilWarm();
    const { id, cdpUrl } = await world.api.create();
    await using client = await attach(cdpUrl);
    await client.call('Browser.getVersion');
    await restart(name);
    await expect(client.call('Browser.getVersion')).resolves.toHaveProperty('product');
    expect((await sessionOf(id))?.status?.phase).toBe('Ready');
    await world.api.end(id);
    // And it does what it is there for: the browser goes, another comes.
    await vi.waitFor(async () => expect(await kubectl.pods('porthole.dev/session-uid')).toEqual([]), patience);
    const fresh = await vi.waitFor(() => world.api.create(), patience);
    await world.api.end(fresh.id);
  });
});

it('kubectl drain takes the warm ones and leaves the claimed ones', async () => {
  await untilWarm();
  const { id, cdpUrl } = await world.api.create();
  await using client = await attach(cdpUrl);
  await vi.waitFor(async () => expect(await kubectl.pods('porthole.dev/session-uid')).toHaveLength(1), patience);
  const warm = await untilWarm();
  const drain = kubectl('drain', nodeName, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=20s');
  // Whoever is claimed stays, and so the drain is not done.
  await expect(drain).rejects.toThrow(/disruption budget|global timeout|timed out/i);
  await vi.waitFor(async () => {
    const pods = await kubectl.pods();
    expect(pods.map(({ metadata }) => metadata.uid)).not.toContain(warm?.metadata.uid);
    // Its place is taken by one that waits for a node.
    expect(pods.some(({ spec }) => spec.nodeName === undefined)).toBe(true);
  }, patience);
  await expect(client.call('Browser.getVersion')).resolves.toHaveProperty('product');
  expect((await sessionOf(id))?.status?.phase).toBe('Ready');
  await kubectl('uncordon', nodeName);
  await untilWarm();
  await world.api.end(id);
});

const otherNode = 'porthole-other';

async function beat(): Promise<void> {
  const now = new Date().toISOString();
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const condition = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'It is well.', ...times };
  const status = JSON.stringify({ status: { conditions: [condition] } });
  await kubectl('patch', `node/${otherNode}`, '--subresource=status', '--type=strategic', `--patch=${status}`);
  const spec = { holderIdentity: otherNode, leaseDurationSeconds: 40, renewTime: now.replace('Z', '000Z') };
  const metadata = { name: otherNode, namespace: 'kube-node-lease' };
  await kubectl.apply([{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }]);
}

/**
 * A second node that is well, and takes nobody in. Where all nodes are lost at once, Kubernetes takes itself for the one that is cut off
 * and evicts nobody: https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
 */
async function keepHealthyNode(): Promise<AsyncDisposable> {
  const metadata = { name: otherNode };
  await kubectl.apply([{ apiVersion: 'v1', kind: 'Node', metadata, spec: { unschedulable: true } }]);
  await beat();
  const stop = new AbortController();
  const beating = (async () => {
    while (!stop.signal.aborted) {
      await beat().catch(() => undefined);
      await delay(5_000, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await beating;
      await kubectl('delete', `node/${otherNode}`);
    },
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** They do nothing until disposed, and are not gone: to others they are silent, as a node is that is cut off or hangs. */
function freeze(pids: readonly number[]): Disposable {
  for (const pid of pids) send(pid, 'SIGSTOP');
  return { [Symbol.dispose]: () => pids.forEach((pid) => send(pid, 'SIGCONT')) };
}

async function podNameOf(id: string): Promise<string> {
  const name = (await sessionOf(id))?.status?.sandbox?.podName;
  if (name === undefined) throw new Error(`The session ${id} has no sandbox.`);
  return name;
}

async function expectLost(id: string): Promise<void> {
  await vi.waitFor(async () => {
    expect((await sessionOf(id))?.status).toMatchObject({ phase: 'Ended', endReason: 'NodeLost' });
  }, lostPatience);
  // The slot is free, and nobody could serve who takes it.
  const answer = await world.api.call('POST', '/api/v1/browser/sessions', {});
  expect(answer.problem().code).toBe('pool_exhausted');
}

/** Once the node is there again, its Pod goes, and whoever comes gets another. */
async function expectAnotherThan(pod: string): Promise<void> {
  await vi.waitFor(async () => expect(await kubectl.find<Pod>(`pod/${pod}`)).toBeUndefined(), lostPatience);
  const next = await vi.waitFor(() => world.api.create(), lostPatience);
  expect(await podNameOf(next.id)).not.toBe(pod);
  await world.api.end(next.id);
}

it('a node whose kubelet is gone: its sessions end, their quota is free, nobody else gets their browsers', async () => {
  await using _other = await keepHealthyNode();
  await untilWarm();
  const { id } = await world.api.create();
  const pod = await podNameOf(id);
  {
    using _frozen = freeze([world.pidOf('kubelet')]);
    await expectLost(id);
    // The Pod stays until its kubelet lets go of it.
    expect((await kubectl.find<Pod>(`pod/${pod}`))?.metadata.deletionTimestamp).toBeDefined();
  }
  await expectAnotherThan(pod);
});

/**
 * When the last node is lost, the node controller may have tainted it a moment before it takes itself for the one that is cut off: then it
 * evicts as ever. Afterwards it taints nobody any more.
 */
async function takeBackEvictions(): Promise<void> {
  for (let look = 0; look < 10; look++) {
    const node = await kubectl.find<Node>(`node/${nodeName}`);
    for (const { key, effect } of node?.spec.taints ?? [])
      if (effect === 'NoExecute') await kubectl('taint', 'node', nodeName, `${key}:${effect}-`);
    await stretch(1_000);
  }
}

describe('the only node, of which Kubernetes evicts nobody', () => {
  it('costs no session its browser while only its kubelet is gone, and ends it when the rest is', async () => {
    await untilWarm();
    const { id, cdpUrl } = await world.api.create();
    const pod = await podNameOf(id);
    {
      await using client = await attach(cdpUrl);
      using _kubelet = freeze([world.pidOf('kubelet')]);
      await vi.waitFor(async () => {
        const found = await kubectl.find<Pod>(`pod/${pod}`);
        expect(found && isReady(found)).toBe(false);
      }, lostPatience);
      await takeBackEvictions();
      // Longer than a sandbox bears the trouble of its node, and than silence is borne.
      await stretch(50_000);
      const { phase, endReason } = (await sessionOf(id))?.status ?? {};
      expect({ phase, endReason }).toEqual({ phase: 'Ready' });
      expect((await kubectl.find<Pod>(`pod/${pod}`))?.metadata.deletionTimestamp).toBeUndefined();
      await expect(client.call('Browser.getVersion')).resolves.toHaveProperty('product');

      using _rest = freeze(listCgroupPids(world.node.cgroup));
      await expectLost(id);
    }
    await expectAnotherThan(pod);
  });
});

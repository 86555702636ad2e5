import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { z } from 'zod';
import { listCgroupPids } from '../../hack/node/cgroups.ts';
import { listenInNetwork } from '../../hack/node/forwarder.ts';
import { inNetworkOf } from '../../hack/node/machine.ts';
import { nodeNetwork } from '../../hack/node/network.ts';
import { startClusterWorld, type ClusterOptions, type ClusterWorld, type NodeFacts } from './cluster-world.ts';
import { offerNetwork } from './other-networks.ts';
import { readProcess } from './process-table.ts';

/** Longest start, in milliseconds: images may have to be made of the present sources, and imported. */
const startLimitMs = 600_000;

/** Longest start of a sandbox, unless a story says otherwise: several Pods may start at once on a small machine. */
const startupDeadlineMs = 120_000;

export interface NodeOptions extends ClusterOptions {
  readonly runtime: 'runc' | 'gvisor';
}

/** `npm run cluster -- --node kubelet`, and what can be seen of it. */
export interface NodeWorld extends ClusterWorld {
  readonly node: NodeFacts;
}

const podStatusShape = z.object({
  phase: z.string().optional(),
  podIP: z.string().optional(),
  conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
});
const podsShape = z.object({
  items: z.array(z.object({ metadata: z.object({ uid: z.string() }), status: podStatusShape })),
});
const isReady = ({ conditions }: z.infer<typeof podStatusShape>): boolean =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
const sessionsShape = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ uid: z.string() }),
      status: z.object({ sandbox: z.object({ podUID: z.string() }).optional() }).optional(),
    }),
  ),
});
const podsPath = '/api/v1/namespaces/porthole/pods';
const sessionsPath = '/apis/porthole.dev/v1alpha1/namespaces/porthole/browsersessions';

/** Pids of a process in its own pid namespace and those around it, outermost first: https://man7.org/linux/man-pages/man7/pid_namespaces.7.html */
function readPids(pid: number): readonly number[] {
  const file = `/proc/${pid}/status`;
  const line = existsSync(file) ? /^NSpid:(.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  return (line ?? '').trim().split(/\s+/).map(Number);
}

function findInPod({ cgroup }: NodeFacts, podUid: string, pid: number): number {
  // Below the cgroup of the Pod, which is named after it.
  const found = listCgroupPids(cgroup, podUid).find((candidate) => readPids(candidate).at(-1) === pid);
  if (found === undefined) throw new Error(`No process of this machine is ${pid} in the Pod ${podUid}.`);
  return found;
}

/** Files with the keys of what only a real node has. */
function listNodeSecrets({ dir }: NodeFacts): readonly string[] {
  const certificates = join(dir, 'client');
  const keys = readdirSync(certificates).filter((name) => name.endsWith('.key'));
  return [join(dir, 'kubeconfig'), ...keys.map((name) => join(certificates, name))];
}

/** Lets Pods through to loopback, which is not theirs where a proxy is asked for it, and waits until all of them are of that mind. */
async function allowLoopback(world: ClusterWorld): Promise<void> {
  const warmPods = async (): Promise<readonly string[]> => {
    const { items } = podsShape.parse((await world.call({ path: podsPath })).body);
    return items.filter(({ status }) => isReady(status)).map(({ metadata }) => metadata.uid);
  };
  const before = await warmPods();
  const allow = [`${nodeNetwork.address}/32`, '127.0.0.0/8'];
  const patch = JSON.stringify({ spec: { template: { egress: { allow } } } });
  await world.kubectl(['patch', 'browserpool/default', '--type=merge', `--patch=${patch}`]);
  const isReplaced = async (): Promise<boolean> => {
    const now = await warmPods();
    return now.length >= before.length && !now.some((uid) => before.includes(uid));
  };
  await vi.waitUntil(isReplaced, { timeout: startupDeadlineMs, interval: 200 });
}

/** Starts `npm run cluster -- --node kubelet`, on free ports and in a temporary folder. */
export async function startNodeWorld({ runtime, ...options }: NodeOptions): Promise<NodeWorld> {
  await using starting = new AsyncDisposableStack();
  const env = { PORTHOLE_NODE: 'kubelet', PORTHOLE_RUNTIME: runtime, ...options.env };
  const limits = { startLimitMs, startupDeadlineMs };
  const world = starting.use(await startClusterWorld({ ...limits, ...options, env }));
  const { node } = world;
  if (!node) throw new Error('The cluster has no real node.');
  const listen = (host: string, port: number): ReturnType<typeof listenInNetwork> =>
    listenInNetwork((argv) => inNetworkOf(node.pid, argv), { host, port });
  starting.use(offerNetwork(nodeNetwork.address, listen));
  if (options.loopbackByProxy) await allowLoopback(world);
  const running = starting.move();
  return {
    ...world,
    node,
    pageHost: nodeNetwork.address,
    sandboxProcesses: () =>
      listCgroupPids(node.cgroup)
        .map(readProcess)
        .filter((entry) => entry !== undefined),
    sandboxAddresses: async () => {
      const { items } = podsShape.parse((await world.call({ path: podsPath })).body);
      return items.flatMap(({ status }) => (status.phase === 'Running' && status.podIP ? [status.podIP] : []));
    },
    machinePid: async (sessionId, pid) => {
      const { items } = sessionsShape.parse((await world.call({ path: sessionsPath })).body);
      const session = items.find(({ metadata }) => metadata.uid === sessionId);
      return findInPod(node, session?.status?.sandbox?.podUID ?? 'of no session', pid);
    },
    secretFiles: () => [...world.secretFiles().filter((file) => existsSync(file)), ...listNodeSecrets(node)],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

import path from 'node:path';
import type { ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import type { ProgramName } from '../controlplane/programs.mjs';
import { ProcessFailure } from '../../src/cmd/exit-codes.ts';
import { kubeletClient } from '../node/client-certificate.ts';
import { forwardPorts } from '../node/forwarder.ts';
import { startRealNode, type RealNode, type RealNodePrograms } from '../node/real-node.ts';
import { ensureRequirements, findOnSystem } from '../node/requirements.mjs';
import type { ControlPlane } from './control-plane.ts';
import { handlers, names } from './install.ts';
import type { Ports } from './process-specs.ts';
import type { Tools } from './tools.ts';

/** How a cluster takes in a real node. */

export const kubeletUser = `system:node:${names.kubeletNode}`;

interface NodeOptions {
  readonly config: Pick<ClusterConfig, 'runtime'>;
  /** The cluster's folder. */
  readonly dir: string;
  readonly binaries: Readonly<Partial<Record<ProgramName, string>>>;
  readonly signal: AbortSignal;
  readonly progress: (sentence: string) => void;
}

function requireNode({ binaries, config }: NodeOptions): RealNodePrograms {
  const { kubelet, runsc } = binaries;
  const isGvisor = config.runtime === 'gvisor';
  const containerd = isGvisor ? binaries.containerd : findOnSystem('containerd');
  const ctr = isGvisor ? binaries.ctr : findOnSystem('ctr');
  if (!kubelet || !containerd || !ctr)
    throw new Error(`npm run controlplane -- --with ${config.runtime} gets what is missing.`);
  return { kubelet, containerd, ctr, searched: runsc === undefined ? [] : [path.dirname(runsc)] };
}

/** A node of the runtime that is asked for. */
export async function startNode(options: NodeOptions): Promise<RealNode> {
  const { config, dir, signal, progress } = options;
  const met = await ensureRequirements(config.runtime, process.env);
  if ('why' in met) throw new ProcessFailure('misused', `--node kubelet: ${met.why}.`);
  progress('Starting a node with a container runtime …');
  const shared = { home: dir, runtime: config.runtime, ...met, env: process.env, signal, progress };
  return startRealNode({ ...shared, programs: requireNode(options) });
}

/** What an API server needs to reach the kubelet, for logs and exec. */
export function apiServerArgumentsFor({ client }: RealNode): readonly string[] {
  return [
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-client-certificate=${client.certificate}`,
    `--kubelet-client-key=${client.key}`,
  ];
}

export interface ClusterPorts extends Ports {
  /** Of the control plane's API server, when it is one of ours. */
  readonly apiServer: number;
}

/** Makes what listens on the node's loopback reachable under the same ports of this machine. */
export function forwardCluster(node: RealNode, host: string, ports: ClusterPorts): Promise<AsyncDisposable> {
  const { operator, facade, gateway } = ports.metrics;
  const open = [ports.api, ports.gateway, operator, facade, gateway].map((port) => ({ host, port }));
  return forwardPorts(node.machine.inNetwork, [{ host: '127.0.0.1', port: ports.apiServer }, ...open]);
}

const objects = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: kubeletClient },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:kubelet-api-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: kubeletClient }],
  },
];

/** The class that no pool asks for, for Pods and pools of people's own; the other one is the chart's. */
const runcClass = {
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name: 'runc' },
  handler: handlers.runc,
};

/** Lets the node's kubelet into the cluster. */
export async function joinCluster(node: RealNode, tools: Tools, plane: ControlPlane): Promise<void> {
  // Nothing of an earlier start is left on it: for the cluster this is a machine that was lost and is replaced.
  const gone = ['--ignore-not-found', '--wait=false'];
  await tools.kubectl(['delete', 'node', names.kubeletNode, names.node, ...gone]);
  const ofNode = ['--all-namespaces', `--field-selector=spec.nodeName=${names.kubeletNode}`];
  await tools.kubectl(['delete', 'pods', ...ofNode, '--force', '--grace-period=0', ...gone]);
  const items = node.runtime === 'runc' ? objects : [...objects, runcClass];
  const apply = ['apply', '--server-side', '--force-conflicts', '--field-manager=porthole-cluster', '-f', '-'];
  await tools.kubectl(apply, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  node.join(names.kubeletNode, plane.kubeconfigOf(kubeletUser));
}

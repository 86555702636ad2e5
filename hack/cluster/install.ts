import { createHash } from 'node:crypto';
import type { ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import { nodeNetwork } from '../node/network.ts';
import type { Tools } from './tools.ts';
import { writePrivate } from '../../src/cmd/write-private.ts';

/** Where things are in every cluster that this launcher makes. */
export const names = {
  release: 'porthole',
  systemNamespace: 'porthole-system',
  sessionsNamespace: 'porthole',
  /** Runs sandboxes as processes. */
  node: 'porthole-local',
  /** Has a real kubelet. */
  kubeletNode: 'porthole-node',
} as const;

const chart = 'charts/porthole';

/** Keeps other people's Pods away from a Node that runs none but sandboxes. */
export const nodeTaint = { key: 'porthole.dev/local-processes', effect: 'NoSchedule' } as const;

/** What one sandbox is counted with on this machine: a Chromium with a page or two, mostly idle. */
const sandboxRequests = { cpu: '50m', memory: '256Mi' };

export interface InstallOptions {
  readonly config: ClusterConfig;
  readonly apiKey: string;
  readonly publicUrls: { readonly cdp: string; readonly live: string };
  /** On a real node: the sandbox's image as its runtime knows it. */
  readonly sandboxImage?: string | undefined;
}

/** RuntimeClasses of a real node, by their names: what its containerd calls them. */
export const handlers = { runc: 'runc', gvisor: 'runsc' } as const;

/** What a Pod finds this machine's loopback servers under: its own loopback is not this machine's. */
const nodeAddress = `${nodeNetwork.address}/32`;
const isLoopback = (cidr: string): boolean => cidr.startsWith('127.') || cidr.startsWith('::1');

function kubeletPool({ config, sandboxImage }: InstallOptions): object {
  return {
    image: sandboxImage,
    imagePullPolicy: 'Never',
    runtimeClassName: config.runtime,
    egressAllow: [...new Set(config.egressAllow.map((cidr) => (isLoopback(cidr) ? nodeAddress : cidr)))],
    resources: { requests: sandboxRequests },
  };
}

function processPool({ config }: InstallOptions): object {
  return {
    runtimeClassName: config.useExistingCluster === 'no' ? 'kata' : names.node,
    egressAllow: config.egressAllow,
    // Processes are not held to limits.
    resources: { requests: sandboxRequests, limits: null },
  };
}

/**
 * The handler says the truth: a sandbox here is a process. In a cluster of our own the class has the name that pools ask for
 * unless they are told otherwise, so that manifests which are meant for real nodes work here too.
 */
function runtimeClassOf({ useExistingCluster, node, runtime }: ClusterConfig): object {
  if (node === 'kubelet') return { create: true, name: runtime, handler: handlers[runtime], overhead: null };
  const shared = { create: true, handler: 'local-process', overhead: null };
  if (useExistingCluster === 'no') return { ...shared, name: 'kata' };
  return {
    ...shared,
    name: names.node,
    nodeSelector: { 'kubernetes.io/hostname': names.node },
    tolerations: [{ ...nodeTaint, operator: 'Exists' }],
  };
}

/** Values of the chart. The programs run here, outside of it, each with the rights that it grants. */
export function chartValues(options: InstallOptions): object {
  const { config, apiKey, publicUrls } = options;
  return {
    workloads: { enabled: false },
    sessions: { namespace: names.sessionsNamespace },
    publicUrls,
    logLevel: config.logLevel,
    runtimeClass: runtimeClassOf(config),
    pool: {
      ...(config.node === 'kubelet' ? kubeletPool(options) : processPool(options)),
      warm: { min: config.warmMin, max: config.warmMax },
      maxSandboxes: config.maxSandboxes,
      startupDeadlineMs: config.startupDeadlineMs,
      display: config.display,
    },
    account: {
      maxConcurrentSessions: config.maxConcurrentSessions,
      apiKeyHashes: [createHash('sha256').update(apiKey).digest('hex')],
    },
  };
}

/** Installs or upgrades the chart, the definitions of the kinds first: helm itself never upgrades those. */
export async function installChart(tools: Tools, valuesFile: string, options: InstallOptions): Promise<void> {
  writePrivate(valuesFile, JSON.stringify(chartValues(options), undefined, 2));
  const definitions = `${chart}/crds`;
  await tools.kubectl(['apply', '--server-side', '--force-conflicts', '-f', definitions]);
  await tools.kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', definitions]);
  const where = ['--namespace', names.systemNamespace, '--create-namespace'];
  await tools.helm([
    ...['upgrade', '--install', names.release, chart, ...where],
    ...['--skip-crds', '--values', valuesFile, '--timeout', '60s'],
  ]);
  // Until then the namespace refuses Pods.
  const account = ['serviceaccount/default', '--namespace', names.sessionsNamespace];
  await tools.kubectl(['wait', '--for=create', ...account, '--timeout=60s']);
}

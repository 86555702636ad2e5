import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import { urlHost } from '../../src/cmd/parts/url-host.ts';
import { lastWords, startControlPlane, type ControlPlane, type ControlPlaneProgram } from './control-plane.ts';
import { findFreePorts } from './free-port.ts';
import type { ProgramName } from '../controlplane/programs.mjs';
import { nodeNetwork } from '../node/network.ts';
import { nodePrograms, type RealNode } from '../node/real-node.ts';
import { accountRoles, admitLocalNode, dismissLocalNode, mintKubeconfig, readClusterEntry } from './identities.ts';
import { installChart, names } from './install.ts';
import {
  apiServerArgumentsFor,
  forwardCluster,
  joinCluster,
  kubeletUser,
  startNode,
  type ClusterPorts,
} from './kubelet-node.ts';
import { withNamespace } from './kubeconfig.ts';
import { startProcess, type ManagedProcess } from './managed-process.ts';
import { kubeconfigFile, portholeRoles, processSpec, publicUrls, type PortholeRole } from './process-specs.ts';
import { sweepProcesses } from './sweep-processes.ts';
import { createTools, type Tools } from './tools.ts';
import { writePrivate } from '../../src/cmd/write-private.ts';

export interface LaunchOptions {
  readonly config: ClusterConfig;
  /** Absolute; nobody else uses it meanwhile. */
  readonly dir: string;
  readonly apiKey: string;
  /** Those of the control plane are missing where one exists. */
  readonly binaries: Readonly<Partial<Record<ProgramName, string>> & Record<'kubectl' | 'helm', string>>;
  /** Path of the browser. Of no use where sandboxes have an image of their own. */
  readonly chromium: string;
  /** Writes `logs/audit.log`: who asked the API server for what. Default: false. */
  readonly audit?: boolean;
  /** Aborting makes the launch fail soon. */
  readonly signal: AbortSignal;
  /** Takes a sentence about what is done now. */
  readonly progress: (sentence: string) => void;
}

/** Porthole as separate processes over a Kubernetes API. Disposing ends what was started, in order. */
export interface Cluster extends AsyncDisposable {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  /** The operator's. */
  readonly metricsUrl: string;
  /** Of each process that runs. */
  readonly metricsUrls: Readonly<Partial<Record<PortholeRole, string>>>;
  /** With a real kubelet. */
  readonly node: { readonly pid: number; readonly cgroup: string; readonly dir: string } | undefined;
  /** Path of an administrator's kubeconfig; its context's namespace is that of the sessions. */
  readonly kubeconfig: string;
  /** At this moment; `pids/` is right later too. */
  readonly pids: Readonly<Record<string, number>>;
}

const nodeUser = `system:node:${names.node}`;

async function choosePorts({ apiPort, gatewayPort, metricsPort, host }: ClusterConfig): Promise<ClusterPorts> {
  const free = await findFreePorts(6, host);
  const [apiServer = 0] = await findFreePorts(1);
  const at = (i: number): number => free[i] ?? 0;
  return {
    apiServer,
    api: apiPort || at(0),
    gateway: gatewayPort || at(1),
    metrics: { operator: metricsPort || at(2), facade: at(3), gateway: at(4), node: at(5) },
  };
}

function requireControlPlane(binaries: LaunchOptions['binaries']): Record<ControlPlaneProgram, string> {
  const { etcd, 'kube-apiserver': api, 'kube-controller-manager': manager, 'kube-scheduler': scheduler } = binaries;
  if (!etcd || !api || !manager || !scheduler) throw new Error('npm run controlplane gets what is missing.');
  return { etcd, 'kube-apiserver': api, 'kube-controller-manager': manager, 'kube-scheduler': scheduler };
}

function startOwnControlPlane(options: LaunchOptions, port: number, node?: RealNode): Promise<ControlPlane> {
  const { dir, binaries, audit = false } = options;
  const users = [{ name: node ? kubeletUser : nodeUser, groups: ['system:nodes'] }];
  const shared = { dir, binaries: requireControlPlane(binaries), users, port, audit, supervised: true };
  if (!node) return startControlPlane(shared);
  const { inNetwork } = node.machine;
  return startControlPlane({ ...shared, place: inNetwork, apiServerArguments: apiServerArgumentsFor(node) });
}

/** An administrator's kubeconfig in the cluster's folder, whoever's cluster it is. */
async function writeAdminKubeconfig({ config, dir, binaries }: LaunchOptions, plane?: ControlPlane): Promise<string> {
  const file = path.join(dir, 'kubeconfig');
  if (plane) {
    writePrivate(file, plane.adminKubeconfig(names.sessionsNamespace));
    return file;
  }
  const theirs = createTools({ binaries, kubeconfig: config.kubeconfig, cacheDir: path.join(dir, 'cache') });
  const text = await theirs.kubectl(['config', 'view', '--raw', '--minify', '--flatten', '--output=json']);
  writePrivate(file, withNamespace(text, names.sessionsNamespace));
  return file;
}

/** A kubeconfig for each of Porthole's processes, with no more rights than it has in a real installation. */
async function writeIdentities({ dir, config }: LaunchOptions, tools: Tools, plane?: ControlPlane): Promise<void> {
  const cluster = await readClusterEntry(tools);
  const write = (role: PortholeRole, text: string): void => writePrivate(kubeconfigFile(dir, role), text);
  await Promise.all(
    accountRoles.map(async (role) => write(role, await mintKubeconfig(tools, cluster, `porthole-${role}`))),
  );
  if (config.node === 'kubelet') return;
  write('node', plane ? plane.kubeconfigOf(nodeUser) : await admitLocalNode(tools, cluster));
}

const readyLimitMs = 180_000;
const lookEveryMs = 50;
/** A process that ends this often before it is ready will not be. */
const mostStarts = 4;

async function untilReady(process: ManagedProcess, metricsUrl: string, signal: AbortSignal): Promise<void> {
  const giveUpMs = performance.now() + readyLimitMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await fetch(`${metricsUrl}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (answer?.ok) return;
    if (process.starts > mostStarts || performance.now() > giveUpMs) {
      throw new Error(`${process.name} does not become ready. ${lastWords(process)}`);
    }
    await sleep(lookEveryMs);
  }
}

/**
 * A node that has just joined bears taints of Kubernetes' own until the controller manager has seen it Ready: nothing is placed there
 * before, and the first POST would hear that there is no room.
 */
async function untilSchedulable(tools: Tools, node: string, signal: AbortSignal): Promise<void> {
  const giveUpMs = performance.now() + readyLimitMs;
  const query = ['get', 'node', node, '--ignore-not-found', '--output=json'];
  for (;;) {
    signal.throwIfAborted();
    const text = await tools.kubectl(query);
    const { spec } = JSON.parse(text || '{}') as { spec?: { taints?: readonly { key: string }[] } };
    if (spec && !spec.taints?.some(({ key }) => key.startsWith('node.kubernetes.io/'))) return;
    if (performance.now() > giveUpMs) throw new Error(`The node ${node} does not become schedulable.`);
    await sleep(lookEveryMs);
  }
}

/** Those that are stopped first stand first; facade and gateway end together. */
async function stopAll(processes: ReadonlyMap<PortholeRole, ManagedProcess>): Promise<void> {
  await Promise.all([processes.get('facade')?.stop(), processes.get('gateway')?.stop()]);
  await processes.get('operator')?.stop();
  await processes.get('node')?.stop();
}

/** What Porthole is installed on. */
interface Ground {
  readonly ports: ClusterPorts;
  /** Undefined: the cluster exists. */
  readonly plane: ControlPlane | undefined;
  /** Undefined: sandboxes are processes. */
  readonly node: RealNode | undefined;
  readonly kubeconfig: string;
  readonly tools: Tools;
}

async function startGround(options: LaunchOptions, stack: AsyncDisposableStack): Promise<Ground> {
  const { config, dir, binaries, signal, progress } = options;
  const node = config.node === 'kubelet' ? stack.use(await startNode(options)) : undefined;
  const ports = await choosePorts(config);
  if (node) stack.use(await forwardCluster(node, config.host, ports));
  const usesExisting = config.useExistingCluster === 'yes';
  if (!usesExisting) progress('Starting etcd and Kubernetes …');
  const plane = usesExisting ? undefined : stack.use(await startOwnControlPlane(options, ports.apiServer, node));
  signal.throwIfAborted();
  const kubeconfig = await writeAdminKubeconfig(options, plane);
  const cacheDir = path.join(dir, 'cache');
  stack.defer(() => rm(cacheDir, { recursive: true, force: true }));
  if (usesExisting) {
    // The signal that ends all would end these too.
    const last = createTools({ binaries, kubeconfig, cacheDir });
    stack.defer(() => dismissLocalNode(last));
  }
  return { ports, plane, node, kubeconfig, tools: createTools({ binaries, kubeconfig, cacheDir, signal }) };
}

async function install(options: LaunchOptions, { ports, plane, node, tools }: Ground): Promise<void> {
  options.progress('Installing charts/porthole …');
  const sandboxImage = node?.sandboxImage;
  const settings = { ...options, publicUrls: publicUrls(options.config, ports), sandboxImage };
  await installChart(tools, path.join(options.dir, 'values.json'), settings);
  if (node && plane) await joinCluster(node, tools, plane);
  await writeIdentities(options, tools, plane);
}

function startPorthole(options: LaunchOptions, { ports, plane, node }: Ground): Map<PortholeRole, ManagedProcess> {
  options.progress("Starting Porthole's processes …");
  const apiServerPort = plane && Number(new URL(plane.server).port);
  const network = node && { inNetwork: node.machine.inNetwork, podCidr: nodeNetwork.podCidr };
  const settings = { ...options, ports, apiServerPort, network, environment: process.env };
  const roles = portholeRoles.filter((role) => role !== 'node' || !node);
  return new Map(roles.map((role) => [role, startProcess(options.dir, processSpec(role, settings))]));
}

export async function startCluster(options: LaunchOptions): Promise<Cluster> {
  const { config, dir, signal } = options;
  await using starting = new AsyncDisposableStack();
  await sweepProcesses(dir, [...portholeRoles, ...nodePrograms]);
  const ground = await startGround(options, starting);
  await install(options, ground);
  const processes = startPorthole(options, ground);
  starting.defer(() => stopAll(processes));
  const { ports, plane, node, kubeconfig, tools } = ground;
  const at = (port: number): string => `http://${urlHost(config.host)}:${port}`;
  const metricsUrls = Object.fromEntries([...processes.keys()].map((role) => [role, at(ports.metrics[role])]));
  await Promise.all([...processes].map(([role, process]) => untilReady(process, metricsUrls[role] ?? '', signal)));
  await untilSchedulable(tools, node ? names.kubeletNode : names.node, signal);
  const running = starting.move();
  return {
    apiUrl: at(ports.api),
    gatewayUrl: at(ports.gateway),
    metricsUrl: at(ports.metrics.operator),
    metricsUrls,
    kubeconfig,
    node: node && { pid: node.machine.pid, cgroup: node.cgroup, dir: node.dir },
    get pids() {
      const all = [...(plane?.processes() ?? []), ...(node?.processes() ?? []), ...processes.values()];
      return Object.fromEntries(all.map(({ name, pid }) => [name, pid]));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

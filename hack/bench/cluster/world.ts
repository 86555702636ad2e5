import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseClusterConfig, type ClusterConfig } from '../../../src/cmd/config/parse-cluster-config.ts';
import { adminUser, lastWords, startControlPlane, type ControlPlane } from '../../cluster/control-plane.ts';
import { files } from '../../cluster/control-plane-arguments.ts';
import { findFreePorts } from '../../cluster/free-port.ts';
import { mintKubeconfig, readClusterEntry } from '../../cluster/identities.ts';
import { installChart, names } from '../../cluster/install.ts';
import { startProcess, type ManagedProcess } from '../../cluster/managed-process.ts';
import {
  kubeconfigFile,
  processSpec,
  publicUrls,
  type Ports,
  type ProcessSettings,
} from '../../cluster/process-specs.ts';
import { createTools, type Tools } from '../../cluster/tools.ts';
import { writePrivate } from '../../../src/cmd/write-private.ts';
import { ensureControlPlane } from '../../controlplane.mjs';
import type { ControlPlaneName } from '../../controlplane/programs.mjs';
import { createCaller, type Caller } from '../caller.ts';
import { untilAllQuiet } from '../processes.ts';
import type { Run } from '../run.ts';
import { readAuditLog, type AuditedRequest } from './audit.ts';
import type { PodCounts } from './fake-node.ts';

export const roles = ['operator', 'facade', 'gateway'] as const;
export type Role = (typeof roles)[number];

export const namespaces = {
  system: names.systemNamespace,
  sessions: names.sessionsNamespace,
  bareChain: 'bare-chain',
} as const;
export const nodeName = 'bench';

/** Warm sandboxes to keep, and sandboxes at most. */
export interface PoolSize {
  readonly warm: number;
  readonly most: number;
}

/** A control plane with the chart on it, Porthole's processes, and a node without browsers. Disposing ends and removes all of it. */
export interface ClusterWorld extends AsyncDisposable {
  /** The administrator's. */
  readonly kubeconfig: string;
  /** Process ids by name: the control plane's, the node's and Porthole's. */
  readonly pids: ReadonlyMap<string, number>;
  readonly caller: Caller;
  start(role: Role): Promise<void>;
  stop(role: Role): Promise<void>;
  resizePool(size: PoolSize): Promise<void>;
  podCounts(): Promise<PodCounts>;
  /** Waits until so many sandboxes are warm and claimed, none comes or goes, and no process has much to do. */
  settled(expected: { readonly warm: number; readonly claimed?: number }): Promise<void>;
  /** What the API server was asked so far; only where `audit` was asked for. */
  audit(): Promise<readonly AuditedRequest[]>;
}

export interface WorldOptions {
  readonly audit?: boolean;
  /** Calls to the REST API at once. */
  readonly parallel: number;
}

const settleLimitMs = 180_000;
const readyLimitMs = 60_000;
const lookMs = 50;
/** Share of a core that the processes of a control plane take when nothing happens, and then some. */
const quietShare = 0.25;

/** As `npm run cluster` would be told it; pools and accounts change later. */
const clusterSettings = {
  PORTHOLE_WARM_MIN: '0',
  PORTHOLE_WARM_MAX: '0',
  PORTHOLE_MAX_SANDBOXES: '1',
  PORTHOLE_LOG_LEVEL: 'warn',
};

function readConfig(): ClusterConfig {
  const parsed = parseClusterConfig([], { ...process.env, ...clusterSettings });
  if (!parsed.ok) throw new Error(`settings of the cluster: ${JSON.stringify(parsed.problems)}`);
  return parsed.config;
}

async function startFakeNode(kubeconfig: string, nodeFlags: readonly string[]): Promise<ChildProcess> {
  const program = fileURLToPath(import.meta.resolve('./fake-node.ts'));
  const child = fork(program, [kubeconfig, nodeName], {
    execArgv: [...nodeFlags],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the fake node ended')));
  ended.catch(() => undefined); // not everybody listens
  await Promise.race([once(child.stdout ?? child, 'data'), ended]);
  return child;
}

async function findPorts(): Promise<Ports> {
  const [api = 0, gateway = 0, ...metrics] = await findFreePorts(6);
  const [operator = 0, facade = 0, edge = 0, node = 0] = metrics;
  return { api, gateway, metrics: { operator, facade, gateway: edge, node } };
}

interface ProductOptions {
  readonly run: Run;
  readonly tools: Tools;
  readonly settings: ProcessSettings;
}

/** Porthole's own processes as `npm run cluster` starts them, each with the ServiceAccount that the chart gives it. */
class Product {
  readonly #options: ProductOptions;
  readonly #processes = new Map<Role, ManagedProcess>();

  constructor(options: ProductOptions) {
    this.#options = options;
  }

  get pids(): [string, number][] {
    return [...this.#processes].filter(([, { isRunning }]) => isRunning).map(([role, { pid }]) => [role, pid]);
  }

  async start(role: Role): Promise<void> {
    const { run, tools, settings: of } = this.#options;
    const cluster = await readClusterEntry(tools);
    writePrivate(kubeconfigFile(of.dir, role), await mintKubeconfig(tools, cluster, `porthole-${role}`));
    const spec = processSpec(role, of);
    const [node = '', ...args] = spec.argv;
    const argv = [node, ...run.nodeFlags, ...args];
    const started = startProcess(of.dir, { ...spec, argv, supervised: false });
    this.#processes.set(role, started);
    await this.#untilReady(role, started);
  }

  async stop(role: Role): Promise<void> {
    await this.#processes.get(role)?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(roles.map((role) => this.stop(role)));
  }

  async #untilReady(role: Role, started: ManagedProcess): Promise<void> {
    const deadline = performance.now() + readyLimitMs;
    const url = `http://127.0.0.1:${this.#options.settings.ports.metrics[role]}/readyz`;
    while (started.isRunning && performance.now() < deadline) {
      const answer = await fetch(url).catch(() => undefined);
      if (answer?.ok) return;
      await delay(lookMs);
    }
    throw new Error(`${role} did not become ready. ${lastWords(started)}`);
  }
}

async function askForCounts(node: ChildProcess): Promise<PodCounts> {
  const answer = once(node, 'message') as Promise<[PodCounts]>;
  node.send({});
  return (await answer)[0];
}

class World implements ClusterWorld {
  readonly kubeconfig: string;
  readonly caller: Caller;
  readonly #control: ControlPlane;
  readonly #node: ChildProcess;
  readonly #product: Product;
  readonly #stack: AsyncDisposableStack;

  constructor(parts: {
    kubeconfig: string;
    caller: Caller;
    control: ControlPlane;
    node: ChildProcess;
    product: Product;
    stack: AsyncDisposableStack;
  }) {
    this.kubeconfig = parts.kubeconfig;
    this.caller = parts.caller;
    this.#control = parts.control;
    this.#node = parts.node;
    this.#product = parts.product;
    this.#stack = parts.stack;
  }

  get pids(): ReadonlyMap<string, number> {
    const { pid } = this.#node;
    const of = (name: Parameters<ControlPlane['process']>[0]): [string, number] => [
      name,
      this.#control.process(name).pid,
    ];
    const plane = [of('etcd'), of('kube-apiserver'), of('kube-controller-manager'), of('kube-scheduler')];
    return new Map([...plane, ['fake node', pid ?? 0], ...this.#product.pids]);
  }

  start(role: Role): Promise<void> {
    return this.#product.start(role);
  }

  stop(role: Role): Promise<void> {
    return this.#product.stop(role);
  }

  async resizePool({ warm, most }: PoolSize): Promise<void> {
    const { status, body } = await this.#control.call({
      method: 'PATCH',
      path: `/apis/porthole.dev/v1alpha1/namespaces/${namespaces.sessions}/browserpools/default`,
      contentType: 'application/merge-patch+json',
      body: { spec: { warm: { min: warm, max: warm }, maxSandboxes: most } },
    });
    if (status !== 200) throw new Error(`the pool was answered ${status}: ${JSON.stringify(body)}`);
  }

  podCounts(): Promise<PodCounts> {
    return askForCounts(this.#node);
  }

  async settled({ warm, claimed = 0 }: { readonly warm: number; readonly claimed?: number }): Promise<void> {
    const deadline = performance.now() + settleLimitMs;
    for (;;) {
      const counts = await this.podCounts();
      if (counts.warm === warm && counts.claimed === claimed && counts.moving === 0) break;
      if (performance.now() > deadline) throw new Error(`${JSON.stringify(counts)} instead of ${warm} + ${claimed}`);
      await delay(lookMs);
    }
    await untilAllQuiet(() => [...this.pids.values()], quietShare);
  }

  audit(): Promise<readonly AuditedRequest[]> {
    return readAuditLog(path.join(this.#control.dir, files.auditLog));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

async function makeNamespace(control: ControlPlane, name: string): Promise<void> {
  await control.call({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name } } });
}

/** The account may have as many sessions as there are sandboxes. */
async function liftQuota(control: ControlPlane): Promise<void> {
  await control.call({
    method: 'PATCH',
    path: `/apis/porthole.dev/v1alpha1/namespaces/${namespaces.sessions}/browseraccounts/default`,
    contentType: 'application/merge-patch+json',
    body: { spec: { maxConcurrentSessions: 50_000 } },
  });
}

async function findBinaries(): Promise<Record<ControlPlaneName, string>> {
  const found = await ensureControlPlane(process.env);
  if (!found) throw new Error('There is no control plane to measure on: npm run controlplane');
  // Nothing is missing, or it would have said so.
  return found as Record<ControlPlaneName, string>;
}

/** Without `start`, none of Porthole's processes runs. */
export async function startClusterWorld(run: Run, { audit = false, parallel }: WorldOptions): Promise<ClusterWorld> {
  const binaries = await findBinaries();
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(path.join(tmpdir(), 'porthole-bench-cluster-'));
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const nodeUser = `system:node:${nodeName}`;
  const users = [{ name: nodeUser, groups: ['system:nodes'] }];
  const control = stack.use(await startControlPlane({ dir, binaries, audit, users }));
  const [kubeconfig, nodeKubeconfig] = [path.join(dir, 'kubeconfig'), path.join(dir, 'kubeconfigs', 'node')];
  writePrivate(kubeconfig, control.kubeconfigOf(adminUser, namespaces.sessions));
  writePrivate(nodeKubeconfig, control.kubeconfigOf(nodeUser));
  const [config, ports, apiKey] = [readConfig(), await findPorts(), randomBytes(24).toString('base64url')];
  const tools = createTools({ binaries, kubeconfig, cacheDir: dir });
  await installChart(tools, path.join(dir, 'values.json'), { config, apiKey, publicUrls: publicUrls(config, ports) });
  await liftQuota(control);
  await makeNamespace(control, namespaces.bareChain);
  const node = await startFakeNode(nodeKubeconfig, run.nodeFlags);
  stack.defer(async () => {
    const ended = once(node, 'exit');
    if (node.exitCode === null && node.kill('SIGTERM')) await ended;
  });
  const environment = { PATH: process.env['PATH'], HOME: dir };
  const processes = { dir, config, ports, apiServerPort: undefined, chromium: '', environment };
  const product = stack.use(new Product({ run, tools, settings: processes }));
  const caller = stack.use(createCaller({ apiUrl: `http://127.0.0.1:${ports.api}`, apiKey, parallel }));
  return new World({ kubeconfig, caller, control, node, product, stack: stack.move() });
}

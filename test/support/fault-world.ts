import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lastWords } from '../../hack/cluster/control-plane.ts';
import { findFreePorts } from '../../hack/cluster/free-port.ts';
import { startProcess, type ManagedProcess } from '../../hack/cluster/managed-process.ts';
import { writePrivate } from '../../src/cmd/write-private.ts';
import { loadKubeAccess } from '../../src/kube/apiserver/access.ts';
import { createApiServerStore, type ApiServerStore } from '../../src/kube/apiserver/api-server-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import { chartFolder, sessionsNamespace, systemNamespace } from './chart.ts';
import { startTestControlPlane, type TestControlPlane } from './control-plane.ts';
import { silentLogger } from './fakes.ts';
import type { FaultyProxy } from './faulty-proxy.ts';

const repository = resolve(import.meta.dirname, '../..');
const nodeName = 'fake';

/** Generous because machines are busy. */
const readyLimitMs = 120_000;
const graceMs = 10_000;

export interface FaultOptions {
  readonly maxConcurrentSessions: number;
  readonly warm?: number;
  readonly maxSandboxes: number;
}

export interface StartOptions {
  /** Its way to the API server. */
  readonly through?: FaultyProxy;
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of Porthole and where it listens. */
export interface FaultyProcess {
  readonly process: ManagedProcess;
  readonly metricsUrl: string;
  /** Of a facade. */
  readonly api: ApiClient;
  /** Of a gateway. */
  readonly port: number;
  /** Resolves when it says that it is ready. */
  ready(): Promise<void>;
}

/**
 * A control plane with the chart on it, and a Node whose pods are answered without browsers: enough for whatever goes wrong between
 * operator, facade and API server, with hundreds of sessions on a small machine. Porthole's processes are started by the test.
 */
export interface FaultWorld extends AsyncDisposable {
  readonly plane: TestControlPlane;
  /** The administrator's. */
  readonly store: ApiServerStore;
  /** `name` tells replicas apart. */
  start(role: 'operator' | 'facade' | 'gateway', name: string, options?: StartOptions): Promise<FaultyProcess>;
  /** The last words of its processes, for whoever must find out what went wrong. */
  lastWords(): string;
}

const apiKey = 'the-key-of-a-test-and-of-nobody-else';

function chartValues({ maxConcurrentSessions, warm = 0, maxSandboxes }: FaultOptions): object {
  return {
    workloads: { enabled: false },
    pool: {
      warm: { min: warm, max: warm },
      maxSandboxes,
      runtimeClassName: '',
      // After an outage scheduler and node back off for up to 30 s each, as their real ones do, and no sandbox starts meanwhile.
      startupDeadlineMs: 120_000,
      resources: { requests: { cpu: '10m', memory: '10Mi' }, limits: null },
    },
    account: { maxConcurrentSessions, apiKeyHashes: [createHash('sha256').update(apiKey).digest('hex')] },
  };
}

async function installChart(plane: TestControlPlane, options: FaultOptions): Promise<void> {
  const file = join(plane.dir, 'values.json');
  await writeFile(file, JSON.stringify(chartValues(options)));
  await plane.applyCrds();
  const where = ['--namespace', systemNamespace, '--create-namespace', '--skip-crds', '--values', file];
  await plane.helm(['upgrade', '--install', 'porthole', chartFolder, ...where]);
  const account = ['serviceaccount/default', '--namespace', sessionsNamespace];
  await plane.kubectl(['wait', '--for=create', ...account, '--timeout=60s']);
}

/** The program that the bench uses, too. */
async function startFakeNode(plane: TestControlPlane): Promise<ChildProcess> {
  const program = resolve(repository, 'hack/bench/cluster/fake-node.ts');
  const args = [plane.kubeconfigFor(`system:node:${nodeName}`), nodeName];
  const child = fork(program, args, { execArgv: [], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  await Promise.race([
    once(child.stdout ?? child, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('the fake node has ended'))),
  ]);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  if (child.exitCode === null && child.kill('SIGTERM')) await ended;
}

async function until(look: () => Promise<boolean>, complaint: () => Promise<string>): Promise<void> {
  const giveUpMs = performance.now() + readyLimitMs;
  while (!(await look())) {
    if (performance.now() > giveUpMs) throw new Error(await complaint());
    await delay(50);
  }
}

class World implements FaultWorld {
  readonly plane: TestControlPlane;
  readonly store: ApiServerStore;
  readonly #stack: AsyncDisposableStack;
  readonly #started: ManagedProcess[] = [];

  constructor(plane: TestControlPlane, store: ApiServerStore, stack: AsyncDisposableStack) {
    this.plane = plane;
    this.store = store;
    this.#stack = stack;
  }

  async start(
    role: 'operator' | 'facade' | 'gateway',
    name: string,
    { through, env = {} }: StartOptions = {},
  ): Promise<FaultyProcess> {
    const { dir } = this.plane;
    const [port = 0, metricsPort = 0] = await findFreePorts(2);
    const started = startProcess(dir, {
      name,
      argv: [process.execPath, join(repository, 'src/cmd/main.ts'), role],
      cwd: repository,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: dir,
        NODE_COMPILE_CACHE: join(dir, 'compile-cache'),
        KUBECONFIG: await this.#kubeconfigFor(role, through),
        PORTHOLE_NAMESPACE: sessionsNamespace,
        PORTHOLE_SYSTEM_NAMESPACE: systemNamespace,
        PORTHOLE_METRICS_PORT: `${metricsPort}`,
        ...(role === 'facade' && { PORTHOLE_API_PORT: `${port}` }),
        ...(role === 'gateway' && { PORTHOLE_GATEWAY_PORT: `${port}` }),
        ...env,
      },
      graceMs,
      // As in a Deployment: what ends by itself, or has lost its lease, comes back.
      supervised: true,
    });
    this.#stack.use(started);
    this.#started.push(started);
    const metricsUrl = `http://127.0.0.1:${metricsPort}`;
    const isReady = async (): Promise<boolean> =>
      (await fetch(`${metricsUrl}/readyz`).catch(() => undefined))?.ok ?? false;
    const complaint = async (): Promise<string> =>
      `${name} is not ready. It said:\n${await readFile(started.logFile, 'utf8')}`;
    const ready = (): Promise<void> => until(isReady, complaint);
    await ready();
    return { process: started, metricsUrl, port, api: createApiClient(`http://127.0.0.1:${port}`, apiKey), ready };
  }

  lastWords(): string {
    const schedules = this.plane.process('kube-scheduler');
    const evicts = this.plane.process('kube-controller-manager');
    return [schedules, evicts, ...this.#started]
      .map((started) => `${started.name} ${started.isRunning ? 'runs' : 'has ended'}. ${lastWords(started)}`)
      .join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #kubeconfigFor(role: string, through: FaultyProxy | undefined): Promise<string> {
    const direct = await this.plane.serviceAccountKubeconfig(systemNamespace, `porthole-${role}`);
    if (!through) return direct;
    const file = `${direct}.proxied`;
    writePrivate(file, through.redirect(await readFile(direct, 'utf8')));
    return file;
  }
}

export async function startFaultWorld(options: FaultOptions): Promise<FaultWorld> {
  await using stack = new AsyncDisposableStack();
  const users = [{ name: `system:node:${nodeName}`, groups: ['system:nodes'] }];
  const plane = stack.use(await startTestControlPlane({ controllers: true, users }));
  await installChart(plane, options);
  const node = await startFakeNode(plane);
  stack.defer(() => end(node));
  const access = loadKubeAccess({ kubeconfig: plane.kubeconfig });
  const common = { clock: systemClock, logger: silentLogger };
  const store = stack.use(createApiServerStore({ access, fieldManager: 'test', ...common }));
  return new World(plane, store, stack.move());
}

import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { vi } from 'vitest';
import { z } from 'zod';
import { callApi, type ApiAccess, type ApiAnswer, type ApiCall } from '../../hack/cluster/api-request.ts';
import { createTools, type Tools } from '../../hack/cluster/tools.ts';
import { captureOutput } from './capture-output.ts';
import { createApiClient } from './api-client.ts';
import { findBinaries } from './control-plane.ts';
import { knobsOf } from './embedded-world.ts';
import { patience } from './patience.ts';
import { descendantsOf, localSandboxAddresses, stillRunning } from './process-table.ts';
import type { AccountOptions, ProviderOptions, World, WorldOptions } from './world.ts';

const repository = resolve(import.meta.dirname, '../..');

/** Longest start and end of a cluster, in milliseconds; generous because test machines are busy. */
const startLimitMs = 120_000;
const endLimitMs = 90_000;

const sessionsNamespace = 'porthole';

export interface ClusterOptions extends WorldOptions {
  /** Default: a temporary one that ends with the world. */
  readonly clusterDir?: string;
  /** Longest time until it is ready, in milliseconds. Default: two minutes. */
  readonly startLimitMs?: number;
  /** Further settings of `npm run cluster`, by the names of their variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What `npm run cluster` starts, and what can be seen of it. */
export interface ClusterWorld extends World {
  /** With a real kubelet. */
  readonly node?: NodeFacts | undefined;
  /** Of the launcher. */
  readonly pid: number;
  readonly dir: string;
  /** URL of the API server. */
  readonly server: string;
  /** Path of the administrator's. */
  readonly kubeconfig: string;
  readonly metricsUrls: Readonly<Record<string, string>>;
  /** Of a process by its name, e.g. `operator`, as it is now. */
  pidOf(process: string): number;
  /** One call to the API server as its administrator. */
  call(call: ApiCall): Promise<ApiAnswer>;
  /** As the administrator. The context's namespace is that of the sessions. */
  readonly kubectl: Tools['kubectl'];
  /** Sends a signal to the launcher and waits until it has ended; gives the milliseconds it took. */
  stop(signal: NodeJS.Signals): Promise<number>;
}

const nodeShape = z.object({ pid: z.number(), cgroup: z.string(), dir: z.string() });
/** Of a real node: its first process, as this machine counts; the cgroup that all Pods are below; its own folder. */
export type NodeFacts = z.infer<typeof nodeShape>;

const instanceShape = z.object({
  node: nodeShape.optional(),
  pid: z.number(),
  apiUrl: z.string(),
  gatewayUrl: z.string(),
  metricsUrl: z.string(),
  metricsUrls: z.record(z.string(), z.string()),
  kubeconfig: z.string(),
});

const kubeconfigShape = z.object({
  clusters: z.tuple([
    z.object({ cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string() }) }),
  ]),
  users: z.tuple([z.object({ user: z.object({ token: z.string() }) })]),
});

function readAccess(file: string): ApiAccess {
  const { clusters, users } = kubeconfigShape.parse(JSON.parse(readFileSync(file, 'utf8')));
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  return { server, ca: Buffer.from(ca, 'base64').toString('utf8'), token: users[0].user.token };
}

interface Place extends AsyncDisposable {
  readonly clusterDir: string;
  readonly tempDir: string;
}

async function createPlace({ clusterDir }: ClusterOptions): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'porthole-cluster-'));
  const place = { clusterDir: clusterDir ?? join(root, 'cluster'), tempDir: join(root, 'tmp') };
  await mkdir(place.tempDir);
  // Sandboxes run as users of their own: they pass through the first and write into the second.
  await chmod(root, 0o755);
  await chmod(place.tempDir, 0o1777);
  return { ...place, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true, maxRetries: 5 }) };
}

function spawnCluster({ clusterDir, tempDir }: Place, options: ClusterOptions): ChildProcess {
  const { PATH = '', HOME = '', XDG_CACHE_HOME, KUBEBUILDER_ASSETS } = process.env;
  const where = { ...(XDG_CACHE_HOME && { XDG_CACHE_HOME }), ...(KUBEBUILDER_ASSETS && { KUBEBUILDER_ASSETS }) };
  const own = { PATH, HOME, TMPDIR: tempDir, PORTHOLE_CLUSTER_DIR: clusterDir, ...where };
  return spawn(process.execPath, [join(repository, 'hack/cluster/main.ts')], {
    cwd: repository,
    env: { ...own, ...knobsOf(options), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A process group of its own, as a shell gives one to each command.
    detached: true,
  });
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** Ends it and all below it with kill -9: what it started dies with it. */
async function endHard(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function untilReady(
  { clusterDir }: Place,
  child: ChildProcess,
  limitMs = startLimitMs,
): Promise<z.infer<typeof instanceShape>> {
  const read = async (): Promise<z.infer<typeof instanceShape> | undefined> => {
    if (hasEnded(child)) throw new Error(`It ended with ${child.exitCode ?? child.signalCode ?? '?'}.`);
    const file = await readFile(join(clusterDir, 'instance.json'), 'utf8').catch(() => '{"pid":0}');
    const found = instanceShape.safeParse(JSON.parse(file));
    // What an earlier start wrote does not count.
    return found.success && found.data.pid === child.pid ? found.data : undefined;
  };
  return vi.waitUntil(read, { timeout: limitMs, interval: 50 });
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals, output: () => string): Promise<number> {
  if (hasEnded(child)) return 0;
  const startedAt = performance.now();
  const family = descendantsOf(child.pid ?? 0);
  const exited = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), endLimitMs);
  await exited;
  clearTimeout(timer);
  const tookMs = performance.now() - startedAt;
  if (signal === 'SIGKILL') return tookMs;
  if (child.exitCode !== 0) {
    const how = child.exitCode ?? child.signalCode ?? '?';
    throw new Error(`npm run cluster ended with ${how} after ${signal}. It said:\n${output()}`);
  }
  const left = stillRunning(family);
  if (left.length > 0) throw new Error(`npm run cluster left:\n${left.map(({ command }) => command).join('\n')}`);
  return tookMs;
}

const accountsPath = `/apis/porthole.dev/v1alpha1/namespaces/${sessionsNamespace}/browseraccounts`;

async function createProvider(access: ApiAccess, { name, spec }: ProviderOptions): Promise<void> {
  const path = `/apis/porthole.dev/v1alpha1/namespaces/${sessionsNamespace}/proxyproviders`;
  const body = { apiVersion: 'porthole.dev/v1alpha1', kind: 'ProxyProvider', metadata: { name }, spec };
  const answer = await callApi(access, { method: 'POST', path, body });
  if (answer.status !== 201) throw new Error(`The provider ${name} was refused: ${JSON.stringify(answer.body)}`);
}

async function createAccount(access: ApiAccess, account: AccountOptions): Promise<void> {
  const { name, apiKey, ...given } = account;
  const apiKeyHashes = [createHash('sha256').update(apiKey).digest('hex')];
  const spec = { ...given, apiKeyHashes };
  const body = { apiVersion: 'porthole.dev/v1alpha1', kind: 'BrowserAccount', metadata: { name }, spec };
  const answer = await callApi(access, { method: 'POST', path: accountsPath, body });
  if (answer.status !== 201) throw new Error(`The account ${name} was refused: ${JSON.stringify(answer.body)}`);
}

const podsShape = z.object({ items: z.array(z.unknown()) });

/** Reads what all processes have logged, and what the launcher has said. */
function readLogs(dir: string): string {
  const folder = join(dir, 'logs');
  if (!existsSync(folder)) return '';
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}

/** For whoever must find out why it does not start. */
function ends(log: string): string {
  return log.split('\n').slice(-60).join('\n');
}

const secretFiles = [
  'api-key',
  'kubeconfig',
  'service-account.key',
  'apiserver/tokens.csv',
  ...['operator', 'facade', 'gateway', 'node'].map((process) => `kubeconfigs/${process}`),
];

/** Starts `npm run cluster`'s program, on free ports and in a temporary folder. */
export async function startClusterWorld(options: ClusterOptions = {}): Promise<ClusterWorld> {
  await using starting = new AsyncDisposableStack();
  const place = starting.use(await createPlace(options));
  const { clusterDir: dir } = place;
  const child = spawnCluster(place, options);
  starting.defer(() => endHard(child));
  const output = captureOutput(child);
  const instance = await untilReady(place, child, options.startLimitMs).catch((error: unknown) => {
    throw new Error(`npm run cluster did not become ready. It said:\n${output()}\n${ends(readLogs(dir))}`, {
      cause: error,
    });
  });
  const access = readAccess(instance.kubeconfig);
  const { kubectl } = createTools({
    binaries: findBinaries(),
    kubeconfig: instance.kubeconfig,
    cacheDir: join(place.tempDir, 'cache'),
  });
  for (const account of options.accounts ?? []) await createAccount(access, account);
  for (const provider of options.providers ?? []) await createProvider(access, provider);
  const as = (apiKey: string): World['api'] => createApiClient(instance.apiUrl, apiKey);
  for (const { apiKey } of options.accounts ?? []) {
    // The facade learns of it by its watch.
    await vi.waitUntil(async () => (await as(apiKey).call('GET', '/browser/sessions')).status === 200, patience);
  }
  const pidOf: ClusterWorld['pidOf'] = (name) => Number(readFileSync(join(dir, 'pids', name), 'utf8'));
  const stop: ClusterWorld['stop'] = (signal) => stopChild(child, signal, output);
  const running = starting.move();
  return {
    ...instance,
    dir,
    server: access.server,
    pageHost: '127.0.0.1',
    api: as((await readFile(join(dir, 'api-key'), 'utf8')).trim()),
    as,
    pidOf,
    secretFiles: () => secretFiles.map((name) => join(dir, name)),
    sandboxProcesses: () => descendantsOf(pidOf('node')),
    sandboxAddresses: () => Promise.resolve(localSandboxAddresses(descendantsOf(pidOf('node')))),
    machinePid: (_session, pid) => Promise.resolve(pid),
    call: (call) => callApi(access, call),
    kubectl,
    countSandboxes: async () => {
      const { body } = await callApi(access, { path: `/api/v1/namespaces/${sessionsNamespace}/pods` });
      return podsShape.parse(body).items.length;
    },
    log: () => `${output()}\n${readLogs(dir)}`,
    stop,
    [Symbol.asyncDispose]: async () => {
      await using _rest = running;
      await stop('SIGINT');
    },
  };
}

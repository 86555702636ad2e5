import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { browserPools } from '../../../src/api/v1alpha1/browser-pool.ts';
import { classifySandbox } from '../../../src/core/pods/classify.ts';
import { pods } from '../../../src/kube/builtins.ts';
import type { Store } from '../../../src/kube/store.ts';
import type { Pod } from '../../../src/lib/kubernetes.ts';
import { descendantsOf } from '../../../test/support/process-table.ts';
import { names } from '../../cluster/install.ts';
import { listCgroupPids } from '../../node/cgroups.ts';
import { startDialer } from '../../node/dialer.ts';
import type { Runtime } from '../../node/node-files.ts';
import { createCaller, type Caller } from '../caller.ts';
import { dialFromHere, type Dial } from '../dial.ts';
import { untilAllQuiet } from '../processes.ts';
import type { Run } from '../run.ts';
import { connectStore, type Connected } from './connect-store.ts';

export type LaunchSettings = Readonly<Record<`PORTHOLE_${string}`, string | number>>;

export interface LaunchOptions {
  readonly settings: LaunchSettings;
  /** Of a real node. Absent: sandboxes are processes. */
  readonly runtime?: Runtime;
}

/** `npm run cluster` with real browsers, in a folder of its own. Disposing ends it and removes everything. */
export interface LaunchedCluster extends AsyncDisposable {
  /** From the start of its program until it said that it was ready, in milliseconds. */
  readonly readyAfterMs: number;
  /** In the network that Porthole's processes are in: no forwarded port lies between. */
  readonly caller: Caller;
  /** In the same network. */
  readonly dial: Dial;
  /** The administrator's. */
  readonly store: Store;
  /** The same with what its informers need, which end with the cluster. */
  readonly connected: Connected;
  /** At the top of every hierarchy; below it are all Pods of a real node. */
  readonly cgroup: string | undefined;
  /** Warm sandboxes to keep, and sandboxes at most. */
  resizePool(size: { readonly warm: number; readonly most: number }): Promise<void>;
  sandboxes(): Promise<readonly Pod[]>;
  /** Waits until so many sandboxes are warm, there is no other, and nothing has much to do. */
  settled(warm: number): Promise<void>;
  /** Ends it as Ctrl-C does; gives the milliseconds that took. */
  end(): Promise<number>;
}

/** A real node may have to make its image of the present sources first. */
const startLimitMs = 600_000;
const endLimitMs = 90_000;
const settleLimitMs = 600_000;
const startLookMs = 20;
const settleLookMs = 100;
/** Share of a core that control plane, node and browsers take when nothing happens, and then some. */
const quietShare = 0.3;

const instanceShape = z.object({
  pid: z.number(),
  apiUrl: z.string(),
  kubeconfig: z.string(),
  pids: z.record(z.string(), z.number()),
  node: z.object({ pid: z.number(), cgroup: z.string() }).optional(),
});
type Instance = z.infer<typeof instanceShape>;

interface Folder extends AsyncDisposable {
  readonly dir: string;
  readonly temporary: string;
}

async function makeFolder(): Promise<Folder> {
  const root = await mkdtemp(path.join(tmpdir(), 'porthole-bench-launched-'));
  const folder = { dir: path.join(root, 'cluster'), temporary: path.join(root, 'tmp') };
  await chmod(root, 0o755); // sandboxes run as other users, who pass through
  await mkdir(folder.temporary);
  await chmod(folder.temporary, 0o1777);
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  return { ...folder, [Symbol.asyncDispose]: remove };
}

function spawnLauncher(run: Run, { dir, temporary }: Folder, { settings, runtime }: LaunchOptions): ChildProcess {
  const { PATH = '', HOME = '', XDG_CACHE_HOME, KUBEBUILDER_ASSETS } = process.env;
  const caches = { ...(XDG_CACHE_HOME && { XDG_CACHE_HOME }), ...(KUBEBUILDER_ASSETS && { KUBEBUILDER_ASSETS }) };
  const ports = { PORTHOLE_API_PORT: 0, PORTHOLE_GATEWAY_PORT: 0, PORTHOLE_METRICS_PORT: 0 };
  const node = runtime && { PORTHOLE_NODE: 'kubelet', PORTHOLE_RUNTIME: runtime };
  const own = { ...ports, PORTHOLE_CLUSTER_DIR: dir, PORTHOLE_LOG_LEVEL: 'warn', PORTHOLE_CHROMIUM: run.chromium };
  const values = Object.entries({ ...own, ...node, ...settings }).map(([name, value]) => [name, `${value}`]);
  return spawn(process.execPath, [path.join(run.repository, 'hack', 'cluster', 'main.ts')], {
    cwd: run.repository,
    env: { PATH, HOME, TMPDIR: temporary, ...caches, ...(Object.fromEntries(values) as Record<string, string>) },
    // The channel ends it with this process, however that ends. Ctrl-C is the bench's to hear, which ends all in order.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

async function endLauncher(child: ChildProcess): Promise<number> {
  if (hasEnded(child)) return 0;
  const startedAt = performance.now();
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), endLimitMs);
  await ended;
  clearTimeout(timer);
  return performance.now() - startedAt;
}

async function untilAnnounced(run: Run, child: ChildProcess, dir: string): Promise<Instance> {
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (said = `${said}${chunk}`.slice(-2_000)));
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    const text = await readFile(path.join(dir, 'instance.json'), 'utf8').catch(() => '');
    if (text.endsWith('\n')) return instanceShape.parse(JSON.parse(text));
    if (hasEnded(child) || performance.now() > deadline) throw new Error(`The cluster did not start: ${said}`);
    await delay(startLookMs, undefined, { signal: run.signal });
  }
}

const { sessionsNamespace: namespace } = names;

/** Every process of the cluster, those in sandboxes too. */
function pidsOf({ pids, node }: Instance): readonly number[] {
  const own = Object.values(pids).flatMap((pid) => [pid, ...descendantsOf(pid).map((entry) => entry.pid)]);
  return [...new Set([...own, ...(node ? listCgroupPids(node.cgroup) : [])])];
}

function watchOver(run: Run, instance: Instance, store: Store): Pick<LaunchedCluster, 'sandboxes' | 'settled'> {
  const sandboxes = async (): Promise<readonly Pod[]> => (await store.list(pods, { namespace })).items;
  return {
    sandboxes,
    settled: async (warm) => {
      const deadline = performance.now() + settleLimitMs;
      for (;;) {
        const states = (await sandboxes()).map(classifySandbox);
        if (states.length === warm && states.every((state) => state === 'warm')) break;
        if (performance.now() > deadline) throw new Error(`[${states.join(', ')}] instead of ${warm} warm sandboxes`);
        await delay(settleLookMs, undefined, { signal: run.signal });
      }
      await untilAllQuiet(() => pidsOf(instance), quietShare);
    },
  };
}

export async function launchCluster(run: Run, options: LaunchOptions): Promise<LaunchedCluster> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await makeFolder());
  const startedAt = performance.now();
  const child = spawnLauncher(run, folder, options);
  stack.defer(async () => {
    await endLauncher(child);
  });
  const instance = await untilAnnounced(run, child, folder.dir);
  const readyAfterMs = performance.now() - startedAt;
  const apiKey = (await readFile(path.join(folder.dir, 'api-key'), 'utf8')).trim();
  const dialer = instance.node && stack.use(startDialer(instance.node.pid));
  const dial: Dial = dialer ? (to) => dialer.dial(to) : dialFromHere;
  const caller = stack.use(createCaller({ apiUrl: instance.apiUrl, apiKey, parallel: 1, dial }));
  const stop = new AbortController();
  const connected = { ...connectStore(instance.kubeconfig, 'porthole-bench'), signal: stop.signal };
  const store = stack.use(connected.store);
  stack.defer(() => stop.abort()); // first of all: informers that lose their store complain
  const running = stack.move();
  return {
    readyAfterMs,
    caller,
    dial,
    store,
    connected,
    cgroup: instance.node?.cgroup,
    resizePool: async ({ warm, most }) => {
      const spec = { warm: { min: warm, max: warm }, maxSandboxes: most };
      await store.patch(browserPools, { namespace, name: 'default' }, { spec });
    },
    ...watchOver(run, instance, store),
    end: () => endLauncher(child),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

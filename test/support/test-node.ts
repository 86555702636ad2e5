import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { pods } from '../../src/kube/builtins.ts';
import { createInformer } from '../../src/kube/controller/informer.ts';
import { createMemoryStore, type MemoryStore } from '../../src/kube/memory/memory-store.ts';
import type { Store } from '../../src/kube/store.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { Pod } from '../../src/lib/kubernetes.ts';
import { createLogger } from '../../src/lib/logger.ts';
import type { CommandFor } from '../../src/localnode/command.ts';
import { startLocalNode, type LocalNode, type LocalNodeOptions } from '../../src/localnode/node.ts';

/** For tests: a node with a store of its own, whose images are `sh` and `node`; `args[0]` is the script. */
export interface TestNode extends AsyncDisposable {
  readonly store: MemoryStore;
  readonly node: LocalNode & AsyncDisposable;
  readonly dir: string;
  readonly podsDir: string;
  readonly stateDir: string;
  create(name: string, spec: PodSpec): Promise<Pod>;
  get(name: string): Promise<Pod | undefined>;
  remove(name: string): Promise<void>;
  /** Every version of every Pod so far; the last one of a Pod that is gone comes twice. */
  readonly seen: readonly Pod[];
  /** Waits for a version of the Pod, or for its absence, that fits; rejects after 20 s with what it saw last. */
  until(name: string, fits: (pod: Pod | undefined) => boolean): Promise<Pod>;
}

export const testNamespace = 'default';

export const runScripts: CommandFor = ({ image, args = [] }, { identity, volumeDirs }) => {
  const env = {
    PATH: '/usr/bin:/bin',
    ...(identity ? { RUN_AS: `${identity.uid}` } : {}),
    ...Object.fromEntries(Object.entries(volumeDirs).map(([name, dir]) => [`VOLUME_${name}`, dir])),
  };
  if (image === 'sh') return { argv: ['/bin/sh', '-c', ...args], env };
  if (image === 'node') return { argv: [process.execPath, '-e', ...args], env };
  if (image === 'broken') return { argv: ['/nonexistent/program'], env };
  return undefined;
};

export function script(name: string, text: string, more: Partial<Container> = {}): Container {
  return { name, image: 'sh', args: [text], ...more };
}

/** Runs until it is told to end, and then ends at once. */
export const obedient = 'trap "exit 0" TERM; while :; do sleep 60 & wait; done';
export const stubborn = 'trap "" TERM; while :; do sleep 1; done';

export interface TestNodeOptions extends Partial<Omit<LocalNodeOptions, 'store'>> {
  readonly clock?: Clock;
  /** What the node sees in place of the store. */
  readonly disturb?: (store: Store) => Store;
}

export async function startTestNode({ disturb, ...options }: TestNodeOptions = {}): Promise<TestNode> {
  const clock = options.clock ?? systemClock;
  const dir = await mkdtemp(join(tmpdir(), 'localnode-'));
  await chmod(dir, 0o711); // users of pods must get to theirs
  const logger = createLogger({ name: 'test', level: 'silent' });
  const store = createMemoryStore({ clock });
  const podsDir = join(dir, 'pods');
  const stateDir = join(dir, 'state');
  const node = await startLocalNode({
    store: disturb?.(store) ?? store,
    nodeName: 'local',
    schedules: true,
    commandFor: runScripts,
    capacity: { cpuMillis: 4000, memoryBytes: 2 ** 32, pods: 50 },
    stateDir,
    podsDir,
    clock,
    logger,
    ...options,
  });
  const get = (name: string): Promise<Pod | undefined> => store.get(pods, { namespace: testNamespace, name });
  const stop = new AbortController();
  const seen: Pod[] = [];
  const waiters = new Set<() => void>();
  const informer = createInformer(store, pods, { clock, logger, signal: stop.signal });
  informer.onChange(({ object }) => {
    seen.push(object);
    for (const look of waiters) look();
  });
  const until = (name: string, fits: (pod: Pod | undefined) => boolean): Promise<Pod> => {
    const key = { namespace: testNamespace, name };
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const pod = informer.get(key);
        if (!fits(pod)) return;
        clearTimeout(timer);
        waiters.delete(look);
        resolve(pod as Pod);
      };
      const timer = setTimeout(() => {
        waiters.delete(look);
        reject(new Error(`still: ${JSON.stringify(informer.get(key)?.status, null, 1)}`));
      }, 20_000);
      waiters.add(look);
      look();
    });
  };
  return {
    store,
    node,
    dir,
    podsDir,
    stateDir,
    get,
    until,
    seen,
    create: (name, spec) =>
      store.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: testNamespace }, spec }),
    remove: (name) => store.delete(pods, { namespace: testNamespace, name }),
    [Symbol.asyncDispose]: async () => {
      await node[Symbol.asyncDispose]();
      stop.abort();
      await store[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

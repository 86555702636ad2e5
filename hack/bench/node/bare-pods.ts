import { setTimeout as delay } from 'node:timers/promises';
import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { paths, ports } from '../../../src/api/agent/contract.ts';
import { pods } from '../../../src/kube/builtins.ts';
import { createInformer } from '../../../src/kube/controller/informer.ts';
import type { Change, Informer } from '../../../src/kube/controller/port.ts';
import type { Pod } from '../../../src/lib/kubernetes.ts';
import type { StoredObject } from '../../../src/lib/object-meta.ts';
import type { Resource } from '../../../src/lib/resource.ts';
import type { LaunchedCluster } from '../cluster/launched.ts';
import { getBy, type Dial } from '../dial.ts';

const namespace = 'bare-pods';

const namespaces: Resource<StoredObject> = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  scope: 'Cluster',
  hasStatus: true,
};
const serviceAccounts: Resource<StoredObject> = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  hasStatus: false,
};

/** As the operator asks an agent again that does not listen yet. */
const askAgainMs = 10;
const lookMs = 50;
const limitMs = 120_000;

/** Milliseconds from the request that creates the Pod. */
export interface BareStart {
  /** Its address was seen, on a watch. */
  readonly addressMs: number;
  /** Its agent said that a page has answered. */
  readonly usableMs: number;
}

/** Pods of the same containers as sandboxes, which nobody looks after: no session, no pool, no operator. */
export interface BarePods {
  /** One from its creation until it is usable, then until it is gone. */
  take(spec: PodSpec): Promise<BareStart>;
}

/** Pure. What a Pod says of itself once it runs, as somebody would ask for another one. */
export function toBareSpec({ nodeName: _whereItRuns, ...spec }: PodSpec): PodSpec {
  return spec;
}

/** Of no account's business, and held to the same standard as the sandboxes' own namespace. */
async function makeNamespace({ store }: LaunchedCluster): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  const metadata = { name: namespace, namespace: '', labels };
  await store.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata });
  // Until then it refuses Pods.
  while (!(await store.get(serviceAccounts, { namespace, name: 'default' }))) await delay(lookMs);
}

interface Watched {
  readonly informer: Informer<Pod>;
  readonly signal: AbortSignal;
}

/** Waits until a change of the Pod shows what is looked for. */
function untilSeen<T>({ informer, signal }: Watched, name: string, find: (change: Change<Pod>) => T | undefined) {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const give = (): void => reject(new Error(`the bare Pod ${name} makes no progress`));
  limit.addEventListener('abort', give);
  const watching = informer.onChange((change) => {
    const found = change.object.metadata.name === name ? find(change) : undefined;
    if (found === undefined) return;
    limit.removeEventListener('abort', give);
    watching[Symbol.dispose]();
    resolve(found);
  });
  promise.catch(() => undefined); // it may be that nobody waits any more
  return promise;
}

/** Asks it directly, as the operator does, instead of waiting for the kubelet's probes. */
async function untilUsable(dial: Dial, host: string): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await getBy(dial, { host, port: ports.agent }, paths.ready).catch(() => undefined);
    if (answer?.status === 200) return;
    if (performance.now() > deadline) throw new Error('a bare Pod does not become usable');
    await delay(askAgainMs);
  }
}

/** `cluster` has a real node. What is made here ends with it. */
export async function createBarePods(cluster: LaunchedCluster): Promise<BarePods> {
  const { store, connected, dial } = cluster;
  await makeNamespace(cluster);
  const informer = createInformer(store, pods, { ...connected, namespace });
  await informer.synced;
  const watched = { informer, signal: connected.signal };
  let made = 0;
  return {
    take: async (spec) => {
      const name = `bare-${(made += 1)}`;
      const address = untilSeen(watched, name, ({ object }) => object.status?.podIP);
      const startedAt = performance.now();
      await store.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
      const host = await address;
      const addressMs = performance.now() - startedAt;
      await untilUsable(dial, host);
      const usableMs = performance.now() - startedAt;
      const gone = untilSeen(watched, name, ({ type }) => (type === 'deleted' ? true : undefined));
      await store.delete(pods, { namespace, name });
      await gone;
      return { addressMs, usableMs };
    },
  };
}

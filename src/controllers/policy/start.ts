import { isDeepStrictEqual } from 'node:util';
import { labels } from '../../api/v1alpha1/group.ts';
import { commonLabels, sandboxLabels } from '../../core/pods/names.ts';
import { buildNetworkPolicy } from '../../core/pods/network-policy.ts';
import { networkPolicies } from '../../kube/builtins.ts';
import type { Controller } from '../../kube/controller/controller.ts';
import { createInformer } from '../../kube/controller/informer.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import type { Informer, Reconcile } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { NetworkPolicy } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NewObject, ObjectKey } from '../../lib/object-meta.ts';
import type { World } from '../world.ts';

export interface PolicyOptions {
  readonly store: Store;
  readonly world: Pick<World, 'pools'>;
  readonly namespace: string;
  /** Namespace of those who may call agents. */
  readonly systemNamespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly controller: (name: string, reconcile: Reconcile, concurrency: number) => Controller;
}

export const policyManager = 'porthole-operator';

/** A watch that lags, or somebody who insists on another policy, makes no more than one write in so many milliseconds. */
const applyEveryMs = 5_000;

/** Each pool has its network policy, whoever edits or deletes it. Where pods are processes of one machine nobody enforces it. */
export function startPolicies(options: PolicyOptions): AsyncDisposable {
  const { store, world, namespace, controller } = options;
  const component = commonLabels.component;
  const policies = createInformer(store, networkPolicies, {
    ...options,
    labels: { [component]: sandboxLabels[component] },
  });
  const appliedMs = new Map<string, number>();
  const queue = controller('network-policy', (key) => keepPolicy({ ...options, policies, appliedMs }, key), 1);
  // Not before it is known which there are: writing them all again at each start would be for nothing.
  Promise.all([policies.synced, world.pools.synced]).then(
    () => {
      world.pools.onChange(({ object }) => queue.add(object.metadata));
      policies.onChange(({ object }) => queue.add({ namespace, name: object.metadata.labels?.[labels.pool] ?? '' }));
      for (const { metadata } of world.pools.list()) queue.add(metadata);
    },
    () => undefined,
  );
  return { [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose]() };
}

interface KeepDeps extends PolicyOptions {
  readonly policies: Informer<NetworkPolicy>;
  /** Monotonic milliseconds of the last write, by uid of the pool. */
  readonly appliedMs: Map<string, number>;
}

async function keepPolicy(deps: KeepDeps, key: ObjectKey): Promise<Outcome> {
  const { store, world, policies, appliedMs, clock, systemNamespace } = deps;
  const pool = world.pools.get(key);
  // Its owner gone, the policy is collected.
  if (!pool || pool.metadata.deletionTimestamp) return settled;
  const wanted = buildNetworkPolicy(pool, systemNamespace);
  if (isKept(policies.get(wanted.metadata), wanted)) return settled;
  const { uid } = pool.metadata;
  const dueMs = (appliedMs.get(uid) ?? -Infinity) + applyEveryMs - clock.monotonic();
  if (dueMs > 0) return lookAgain(dueMs, 'a policy that differs is written every five seconds');
  appliedMs.set(uid, clock.monotonic());
  await store.apply(networkPolicies, wanted, { fieldManager: policyManager });
  return settled;
}

/** Others may add labels and annotations; what the policy says is the operator's alone. */
function isKept(present: NetworkPolicy | undefined, { metadata, spec }: NewObject<NetworkPolicy>): boolean {
  if (!present || !isDeepStrictEqual(present.spec, spec)) return false;
  const holdsLabels = isDeepStrictEqual(
    { ...present.metadata.labels, ...metadata.labels },
    { ...present.metadata.labels },
  );
  const owner = metadata.ownerReferences?.[0]?.uid;
  return holdsLabels && (present.metadata.ownerReferences?.some(({ uid }) => uid === owner) ?? false);
}

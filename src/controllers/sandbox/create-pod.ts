import type { BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import { pods } from '../../kube/builtins.ts';
import { troubleOfRefusal, type Trouble } from '../../core/pods/trouble.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { EventRecorder } from '../../kube/controller/port.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import type { World } from '../world.ts';

export interface CreatePodDeps {
  readonly store: Store;
  readonly world: Pick<World, 'expectations' | 'pods'>;
  readonly events?: EventRecorder;
}

/** One name a session: a second try, or another operator, finds the first one's pod. */
export function ownPodName(pool: string, sessionUid: string): string {
  return `${pool}-${sessionUid}`;
}

/**
 * Creates a sandbox pod that its pool counts from this moment on. A pod of that name is taken for an earlier try's. Answers why the API
 * server will not have it; throws what may pass.
 */
export async function createPod(
  { store, world: { expectations, pods: seen }, events }: CreatePodDeps,
  pool: BrowserPool,
  pod: NewObject<Pod>,
): Promise<Trouble | undefined> {
  expectations.expect(pool.metadata.name, pod.metadata.name);
  try {
    await store.create(pods, pod);
  } catch (error) {
    const isThere = isStoreError(error, 'AlreadyExists');
    // The earlier try's may not have shown yet either.
    if (!isThere || seen.get(pod.metadata)) expectations.observed(pod.metadata.name);
    if (isThere) return undefined;
    // Somebody has to do something: raise a quota, make a RuntimeClass, loosen or obey a policy.
    if (!isStoreError(error, 'Forbidden', 'Invalid')) throw error;
    events?.record(pool, { type: 'Warning', reason: 'FailedCreate', action: 'Create', note: error.message });
    const trouble = troubleOfRefusal(error.message);
    if (!trouble.isFinal) throw error;
    return trouble;
  }
  return undefined;
}

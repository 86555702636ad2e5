import type { BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { apiVersion, labels } from '../../api/v1alpha1/group.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { OwnerReference } from '../../lib/object-meta.ts';

/**
 * Whether nodes may be emptied of the pod: of a warm one they may, another will take its place; a session's is somebody's browser.
 * https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md, https://karpenter.sh/docs/concepts/disruption/
 */
const safeToEvict = 'cluster-autoscaler.kubernetes.io/safe-to-evict';
const doNotDisrupt = 'karpenter.sh/do-not-disrupt';

export const warmAnnotations = { [safeToEvict]: 'true' } as const;
const claimedAnnotations = { [safeToEvict]: 'false', [doNotDisrupt]: 'true' } as const;

/** What a pod bears from when it belongs to a session, beside what every sandbox does. */
export interface ClaimMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ownerReferences: readonly OwnerReference[];
}

export function claimMetadata(session: BrowserSession, pool: string): ClaimMetadata {
  return {
    labels: { [labels.pool]: pool, [labels.sessionUid]: session.metadata.uid },
    annotations: claimedAnnotations,
    ownerReferences: [ownedBy(session)],
  };
}

/** Whether the pod says all of that. Somebody may have edited it. */
export function isClaimedBy({ metadata }: Pod, session: BrowserSession, pool: string): boolean {
  const wanted = claimMetadata(session, pool);
  const isOwned = metadata.ownerReferences?.some(({ uid }) => uid === session.metadata.uid) ?? false;
  return isOwned && holds(metadata.labels, wanted.labels) && holds(metadata.annotations, wanted.annotations);
}

type Strings = Readonly<Record<string, string>>;

function holds(present: Strings | undefined, wanted: Strings): boolean {
  return Object.entries(wanted).every(([name, value]) => present?.[name] === value);
}

/** Deleted with its session, and holding that up for nothing. */
export function ownedBy(session: BrowserSession): OwnerReference {
  return reference('BrowserSession', session.metadata);
}

/** A warm sandbox goes with its pool, though no operator should be there to delete it. */
export function ownedByPool(pool: BrowserPool): OwnerReference {
  return reference('BrowserPool', pool.metadata);
}

function reference(kind: string, { name, uid }: { readonly name: string; readonly uid: string }): OwnerReference {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: false };
}

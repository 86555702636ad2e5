import type { ObjectMeta } from '../../lib/object-meta.ts';

export interface DeletionRequest {
  readonly metadata: ObjectMeta;
  /** The kind's own grace period for this object; 0: the kind knows none. */
  readonly ownGraceSeconds: number;
  /** What the caller asked for. */
  readonly graceSeconds?: number | undefined;
  readonly nowMs: number;
}

/** pending: the object is being deleted already and this request changes nothing. */
export type Deletion =
  { readonly kind: 'remove' } | { readonly kind: 'mark'; readonly metadata: ObjectMeta } | { readonly kind: 'pending' };

const isHeld = ({ finalizers = [] }: ObjectMeta): boolean => finalizers.length > 0;

/** Whether nothing holds an object that was marked for deletion any more. */
export function isReadyToGo(meta: ObjectMeta): boolean {
  return meta.deletionTimestamp !== undefined && !meta.deletionGracePeriodSeconds && !isHeld(meta);
}

function mark(meta: ObjectMeta, startMs: number, graceSeconds: number): Deletion {
  if (graceSeconds === 0 && !isHeld(meta)) return { kind: 'remove' };
  const deletionTimestamp = new Date(startMs + graceSeconds * 1000).toISOString();
  return { kind: 'mark', metadata: { ...meta, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds } };
}

/**
 * What a delete request does, as k8s.io/apiserver/pkg/registry/rest/delete.go has it: the first one sets time and grace,
 * a later one can only shorten the grace. The first raises the generation, since what is wanted of the object has changed.
 */
export function decideDeletion({ metadata, ownGraceSeconds, graceSeconds, nowMs }: DeletionRequest): Deletion {
  if (metadata.deletionTimestamp === undefined) {
    const grace = ownGraceSeconds > 0 ? Math.max(0, graceSeconds ?? ownGraceSeconds) : 0;
    const { generation } = metadata;
    return mark(generation === undefined ? metadata : { ...metadata, generation: generation + 1 }, nowMs, grace);
  }
  const current = metadata.deletionGracePeriodSeconds ?? 0;
  if (current === 0) return isHeld(metadata) ? { kind: 'pending' } : { kind: 'remove' };
  const grace = Math.max(0, graceSeconds ?? current);
  if (grace >= current) return { kind: 'pending' };
  return mark(metadata, Date.parse(metadata.deletionTimestamp) - current * 1000, grace);
}

import { describe, expect, it } from 'vitest';
import { pod, session } from '../../../test/support/objects.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { ObjectMeta } from '../../lib/object-meta.ts';
import { claimMetadata, isClaimedBy } from './claim.ts';

const claimed = (over: Partial<ObjectMeta> = {}) =>
  pod('warm', 'p', { ...claimMetadata(session(), 'default'), ...over });
const wanted = claimMetadata(session(), 'default');

describe('a claimed pod', () => {
  it('is one that bears label, owner and annotations of its session', () => {
    expect(isClaimedBy(claimed(), session(), 'default')).toBe(true);
    expect(isClaimedBy(pod('warm'), session(), 'default')).toBe(false);
  });

  it('may bear more', () => {
    const more = { labels: { ...wanted.labels, team: 'a' }, annotations: { ...wanted.annotations, note: 'b' } };
    expect(isClaimedBy(claimed(more), session(), 'default')).toBe(true);
  });

  it.each<readonly [string, Partial<ObjectMeta>]>([
    ['its owner', { ownerReferences: [] }],
    ["somebody else's label", { labels: { ...wanted.labels, [labels.sessionUid]: 'uid-other' } }],
    ["another pool's label", { labels: { ...wanted.labels, [labels.pool]: 'other' } }],
    ['leave to be evicted', { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true' } }],
  ])('is not one that lost or got %s', (_what, over) => {
    expect(isClaimedBy(claimed(over), session(), 'default')).toBe(false);
  });
});

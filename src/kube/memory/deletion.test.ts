import { describe, expect, it } from 'vitest';
import type { ObjectMeta } from '../../lib/object-meta.ts';
import { decideDeletion, isReadyToGo } from './deletion.ts';

const nowMs = Date.parse('2026-01-01T00:00:00.000Z');
const plain: ObjectMeta = {
  ...{ name: 'a', namespace: 'b', uid: 'c', resourceVersion: '1', generation: 4 },
  creationTimestamp: '2025-12-31T00:00:00.000Z',
};
const held: ObjectMeta = { ...plain, finalizers: ['example.com/hold'] };
const marked = (meta: ObjectMeta, deletionGracePeriodSeconds: number): ObjectMeta => ({
  ...meta,
  deletionTimestamp: '2026-01-01T00:00:30.000Z',
  deletionGracePeriodSeconds,
});

describe('decideDeletion', () => {
  it.each([
    ['removes what nothing holds', plain, 0, undefined, 'remove'],
    ['does not let a caller invent a grace period', plain, 0, 60, 'remove'],
    ['removes at once when asked to', plain, 30, 0, 'remove'],
    ['takes a negative grace period for none', plain, 30, -5, 'remove'],
    ['only waits for the finalizers of what is marked', marked(held, 0), 0, undefined, 'pending'],
    ['does not repeat itself', marked(plain, 30), 30, undefined, 'pending'],
    ['does not lengthen a grace period', marked(plain, 30), 30, 60, 'pending'],
    ['ends a grace period when asked to', marked(plain, 30), 30, 0, 'remove'],
    ['removes what is left from a mark without grace', marked(plain, 0), 30, undefined, 'remove'],
  ] as const)('%s', (_, metadata, ownGraceSeconds, graceSeconds, kind) => {
    expect(decideDeletion({ metadata, ownGraceSeconds, graceSeconds, nowMs })).toEqual({ kind });
  });

  it.each([
    ['gives the own grace period', plain, 30, undefined, ['2026-01-01T00:00:30.000Z', 30, 5]],
    ['gives the grace period asked for', plain, 30, 90, ['2026-01-01T00:01:30.000Z', 90, 5]],
    ['marks what finalizers hold', held, 0, undefined, ['2026-01-01T00:00:00.000Z', 0, 5]],
    ['shortens from when the first request came', marked(plain, 30), 30, 10, ['2026-01-01T00:00:10.000Z', 10, 4]],
    ['leaves the finalizers when the grace ends', marked(held, 30), 30, 0, ['2026-01-01T00:00:00.000Z', 0, 4]],
  ] as const)('%s', (_, metadata, ownGraceSeconds, graceSeconds, [time, grace, generation]) => {
    const decided = decideDeletion({ metadata, ownGraceSeconds, graceSeconds, nowMs });
    const mark = { deletionTimestamp: time, deletionGracePeriodSeconds: grace, generation };
    expect(decided).toEqual({ kind: 'mark', metadata: { ...metadata, ...mark } });
  });
});

describe('isReadyToGo', () => {
  it.each([
    ['not before it is marked', plain, false],
    ['not while finalizers hold it', marked(held, 0), false],
    ['not while its grace lasts: its node removes it', marked(plain, 30), false],
    ['when it is marked and nothing holds it', marked(plain, 0), true],
  ])('%s', (_, metadata, ready) => {
    expect(isReadyToGo(metadata)).toBe(ready);
  });
});

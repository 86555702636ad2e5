import { expect, it } from 'vitest';
import type { OwnerReference, StoredObject } from '../../lib/object-meta.ts';
import { configMaps } from '../builtins.ts';
import { Objects } from './objects.ts';

const owner = (uid: string): OwnerReference => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid });
const object = (uid: string, ownerReferences: readonly OwnerReference[]): StoredObject => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  metadata: {
    ...{ name: uid, namespace: 'test', uid, resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
    ownerReferences,
  },
});

it('knows the dependents of an owner as owners come and go', () => {
  const objects = new Objects({ startVersion: 0, historySize: 10, onWrite: () => undefined });
  const table = objects.table(configMaps);
  const first = objects.commit(table, undefined, object('a', [owner('x'), owner('y')]));
  const second = objects.commit(table, undefined, object('b', [owner('x')]));
  expect([objects.dependentsOf('x'), objects.dependentsOf('y')]).toEqual([['a', 'b'], ['a']]);
  const changed = objects.commit(table, first, object('a', [owner('y')]));
  expect([objects.dependentsOf('x'), objects.dependentsOf('y')]).toEqual([['b'], ['a']]);
  objects.commit(table, changed, undefined);
  objects.commit(table, second, undefined);
  expect([objects.dependentsOf('x'), objects.dependentsOf('y')]).toEqual([[], []]);
  expect(objects.byUid('a')).toBeUndefined();
});

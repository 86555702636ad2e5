import { expect, it } from 'vitest';
import type { StoredObject } from '../../lib/object-meta.ts';
import { ObjectCache } from './object-cache.ts';
import type { Change } from './port.ts';

const object = (uid: string, resourceVersion: string): StoredObject => ({
  ...{ apiVersion: 'v1', kind: 'Thing' },
  metadata: { name: 'a', namespace: 'test', uid, resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' },
});

function createCache() {
  const told: string[] = [];
  const onChange = ({ type, object: { metadata } }: Change<StoredObject>): void =>
    void told.push(`${type} ${metadata.uid}@${metadata.resourceVersion}`);
  const cache = new ObjectCache<StoredObject>({ uid: ({ metadata }) => [metadata.uid] }, onChange);
  return { told, cache };
}

it('another uid under the same name is a deletion and an addition', () => {
  const { told, cache } = createCache();
  cache.put(object('one', '1'));
  cache.put(object('two', '5'));
  expect(told).toEqual(['added one@1', 'deleted one@1', 'added two@5']);
  expect(cache.byUid('one')).toBeUndefined();
  expect(cache.byIndex('uid', 'one')).toEqual([]);
  expect(cache.list()).toEqual([object('two', '5')]);
});

it('the same version again is no change', () => {
  const { told, cache } = createCache();
  cache.put(object('one', '1'));
  cache.put(object('one', '1'));
  cache.replaceAll([object('one', '1')]);
  expect(told).toEqual(['added one@1']);
});

it('removing an earlier holder of the name leaves the present one', () => {
  const { told, cache } = createCache();
  cache.put(object('two', '5'));
  cache.remove(object('one', '6'));
  expect(told).toEqual(['added two@5']);
  expect(cache.get({ namespace: 'test', name: 'a' })).toEqual(object('two', '5'));
});

import { expect, it } from 'vitest';
import { browserSessions } from '../../api/v1alpha1/browser-session.ts';
import { configMaps, events, leases, nodes, pods } from '../builtins.ts';
import { KnownVersions, losesUid } from './known-versions.ts';

const meta = (uid: string, resourceVersion: string) => ({
  ...{ name: 'a', namespace: 'b', creationTimestamp: '' },
  ...{ uid, resourceVersion },
});

it('only custom resources with a status lose the uid', () => {
  expect([configMaps, pods, nodes, leases, events, browserSessions].map(losesUid)).toEqual([
    ...[false, false, false, false, false, true],
  ]);
});

it('the latest version is the one that is known, in whatever order they come by', () => {
  const versions = new KnownVersions();
  for (const version of ['9', '11', '10', '9']) versions.note(meta('u', version));
  expect(versions.get('u')).toBe('11');
  versions.forget(meta('u', '12'));
  expect(versions.get('u')).toBeUndefined();
});

it('the oldest is forgotten when there are too many', () => {
  const versions = new KnownVersions();
  for (let i = 0; i <= 20_000; i++) versions.note(meta(`u${i}`, '1'));
  expect([versions.get('u0'), versions.get('u1'), versions.get('u20000')]).toEqual([undefined, '1', '1']);
});

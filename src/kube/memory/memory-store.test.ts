import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, systemClock } from '../../lib/clock.ts';
import type { ConfigMap, Secret } from '../../lib/kubernetes.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { configMaps, secrets } from '../builtins.ts';
import type { WatchEvent } from '../store.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

const map = (name: string, data: Record<string, string> = {}): NewObject<ConfigMap> => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', data },
  metadata: { name, namespace: 'test' },
});
const secret: NewObject<Secret> = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'other', namespace: 'test' } };

async function writeTimes(store: MemoryStore, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    await store.patch(configMaps, { name: 'a', namespace: 'test' }, { data: { i: `${i}` } });
}

describe('the memory store', () => {
  let store: MemoryStore;
  let abort: AbortController;
  beforeEach(() => {
    store = createMemoryStore({ clock: systemClock, historySize: 8 });
    abort = new AbortController();
  });
  afterEach(async () => {
    abort.abort();
    await store[Symbol.asyncDispose]();
  });
  const watch = (resourceVersion: string): AsyncIterator<WatchEvent<ConfigMap>> =>
    store.watch(configMaps, { resourceVersion, signal: abort.signal })[Symbol.asyncIterator]();

  it('hands out objects that cannot be changed', async () => {
    const made = await store.create(configMaps, map('a', { key: 'value' }));
    expect(() => Object.assign(made.data ?? {}, { key: 'other' })).toThrow(TypeError);
    expect(() => Object.assign(made.metadata, { name: 'other' })).toThrow(TypeError);
    const listed = await store.list(configMaps);
    expect(listed.items[0]).toBe(made);
  });

  it('tells a waiting watch of a write before the writer goes on', async () => {
    const reading = watch('0').next();
    let told = false;
    void reading.then(() => (told = true));
    await store.create(configMaps, map('a'));
    expect(told).toBe(true);
  });

  it('keeps a watch that reads as fast as it can up with a busy writer', async () => {
    await store.create(configMaps, map('a'));
    const { resourceVersion } = await store.list(configMaps);
    let read = 0;
    const reading = (async () => {
      for await (const _ of store.watch(configMaps, { resourceVersion, signal: abort.signal })) read += 1;
    })();
    await writeTimes(store, 500);
    abort.abort();
    await reading;
    expect(read).toBe(500);
  });

  it('says Expired to a watch from before its history', async () => {
    await store.create(configMaps, map('a'));
    await writeTimes(store, 20);
    await expect(watch('1').next()).rejects.toMatchObject({ name: 'StoreError', reason: 'Expired' });
  });

  it('says Expired to a watch whose reader falls behind, and lets it start again from a list', async () => {
    await store.create(configMaps, map('a'));
    const slow = watch('0');
    await slow.next();
    await writeTimes(store, 20);
    await expect(slow.next()).rejects.toMatchObject({ reason: 'Expired' });
    const next = watch((await store.list(configMaps)).resourceVersion).next();
    await writeTimes(store, 1);
    expect(await next).toMatchObject({ value: { type: 'MODIFIED' } });
  });

  it('counts the history of each kind alone: a busy kind expires no quiet one', async () => {
    const { resourceVersion } = await store.list(secrets);
    await store.create(configMaps, map('a'));
    await writeTimes(store, 50);
    await store.create(secrets, secret);
    const reading = store.watch(secrets, { resourceVersion, signal: abort.signal })[Symbol.asyncIterator]().next();
    expect(await reading).toMatchObject({ value: { type: 'ADDED' } });
  });

  it('says Expired to a version that it has never given out', async () => {
    await expect(watch('1000').next()).rejects.toMatchObject({ reason: 'Expired' });
  });

  it.each(['', 'abc', '-1', '1.5'])('refuses %j as a version', async (version) => {
    await expect(watch(version).next()).rejects.toMatchObject({ reason: 'Invalid' });
  });

  it('refuses to select by a field that the kind does not offer', async () => {
    await expect(store.list(configMaps, { fields: { 'data.key': 'x' } })).rejects.toMatchObject({ reason: 'Invalid' });
  });

  it('lists in the order of namespace and name', async () => {
    for (const [namespace, name] of [
      ['b', 'a'],
      ['a', 'c'],
      ['a', 'b'],
    ] as const)
      await store.create(configMaps, { ...map(name), metadata: { name, namespace } });
    const { items } = await store.list(configMaps);
    expect(items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual(['a/b', 'a/c', 'b/a']);
  });

  it('refuses a patch that changes what the store owns', async () => {
    const { metadata } = await store.create(configMaps, map('a'));
    const attempt = (change: object) => store.patch(configMaps, metadata, { metadata: change });
    await expect(attempt({ name: 'b' })).rejects.toMatchObject({ reason: 'Invalid' });
    await expect(attempt({ creationTimestamp: '2020-01-01T00:00:00Z' })).rejects.toMatchObject({ reason: 'Invalid' });
    await expect(attempt({ uid: 'x' })).rejects.toMatchObject({ reason: 'Conflict' });
    expect((await attempt({ uid: null, creationTimestamp: null, name: null })).metadata).toEqual(metadata);
    await expect(store.patch(configMaps, metadata, { kind: 'Secret' })).rejects.toMatchObject({ reason: 'Invalid' });
  });

  it('is Unavailable once it is disposed, to watches that wait as well', async () => {
    const waiting = watch('0').next();
    await store[Symbol.asyncDispose]();
    await expect(waiting).rejects.toMatchObject({ reason: 'Unavailable' });
    await expect(store.list(configMaps)).rejects.toMatchObject({ reason: 'Unavailable' });
  });

  it('lives beside another one', async () => {
    await using other = createMemoryStore({ clock: systemClock });
    await store.create(configMaps, map('a'));
    expect((await other.list(configMaps)).items).toEqual([]);
  });
});

it('a quiet watch says every 30 seconds how far the store has come', async () => {
  const clock = createSteppedClock();
  await using store = createMemoryStore({ clock });
  const abort = new AbortController();
  const events: WatchEvent<ConfigMap>[] = [];
  const reading = (async () => {
    for await (const event of store.watch(configMaps, { resourceVersion: '0', signal: abort.signal }))
      events.push(event);
  })();
  await store.create(secrets, secret);
  await clock.step(29_000);
  expect(events).toEqual([]);
  await clock.step(31_000);
  expect(events).toEqual(Array(2).fill({ type: 'BOOKMARK', resourceVersion: '1' }));
  abort.abort();
  await reading;
});

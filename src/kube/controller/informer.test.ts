import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import type { ConfigMap } from '../../lib/kubernetes.ts';
import { createLogger } from '../../lib/logger.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { configMaps } from '../builtins.ts';
import { createMemoryStore, type MemoryStore } from '../memory/memory-store.ts';
import { StoreError, type StoreReason } from '../store-error.ts';
import type { Store } from '../store.ts';
import { createInformer, type InformerOptions } from './informer.ts';
import type { Change, Informer } from './port.ts';

const map = (name: string, data: Record<string, string> = {}): NewObject<ConfigMap> => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', data },
  metadata: { name, namespace: 'test', labels: { app: 'tested' } },
});
const key = (name: string) => ({ namespace: 'test', name });

/** A store whose lists and watches fail as they are told to: what a network does to a real one. */
class Outages {
  readonly calls: string[] = [];
  listFailure: StoreReason | undefined;
  watchFailure: StoreReason | undefined;
  #cut = new AbortController();

  /** Ends all watches, as a server does from time to time. */
  cutWatches(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  around(store: Store): Store {
    return new Proxy(store, {
      get: (_, method: keyof Store) => {
        if (method === 'list') return this.#list.bind(this, store);
        if (method === 'watch') return this.#watch.bind(this, store);
        return store[method].bind(store);
      },
    });
  }

  async #list(store: Store, ...args: Parameters<Store['list']>): Promise<unknown> {
    this.calls.push('list');
    if (this.listFailure) throw new StoreError(this.listFailure, 'list fails');
    return store.list(...args);
  }

  async *#watch(store: Store, ...[resource, options]: Parameters<Store['watch']>): AsyncGenerator {
    this.calls.push(`watch ${options.resourceVersion}`);
    if (this.watchFailure) throw new StoreError(this.watchFailure, 'watch fails');
    yield* store.watch(resource, { ...options, signal: AbortSignal.any([options.signal, this.#cut.signal]) });
  }
}

describe('an informer', () => {
  let clock: SteppedClock;
  let store: MemoryStore;
  let outages: Outages;
  let abort: AbortController;
  let logged: string[];
  let told: string[];
  beforeEach(() => {
    clock = createSteppedClock();
    store = createMemoryStore({ clock, historySize: 8 });
    outages = new Outages();
    abort = new AbortController();
    [logged, told] = [[], []];
  });
  afterEach(async () => {
    abort.abort();
    await store[Symbol.asyncDispose]();
  });

  const describeChange = (change: Change<ConfigMap>): string => {
    const before = change.type === 'changed' ? `${change.previous.data?.['v'] ?? ''}→` : '';
    return `${change.type} ${change.object.metadata.name} ${before}${change.object.data?.['v'] ?? ''}`.trimEnd();
  };
  const start = (options: Partial<InformerOptions<ConfigMap>> = {}): Informer<ConfigMap> => {
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        logged.push(chunk.toString());
        done();
      },
    });
    const logger = createLogger({ name: 'test', level: 'info', destination });
    const around = { clock, logger, signal: abort.signal, ...options };
    const informer = createInformer(outages.around(store), configMaps, around);
    informer.onChange((change) => told.push(describeChange(change)));
    return informer;
  };
  const write = (name: string, v: string) => store.patch(configMaps, key(name), { data: { v } });

  it('shows what there is and follows what changes, telling each change after it shows', async () => {
    const a = await store.create(configMaps, map('a', { v: '1' }));
    const informer = start();
    informer.onChange(({ type, object }) => {
      expect(informer.get(object.metadata)).toBe(type === 'deleted' ? undefined : object);
    });
    await informer.synced;
    expect(informer.list()).toEqual([a]);
    const b = await store.create(configMaps, map('b', { v: '1' }));
    const changed = await write('a', '2');
    await store.delete(configMaps, key('b'));
    await clock.step(0);
    expect(told).toEqual(['added a 1', 'added b 1', 'changed a 1→2', 'deleted b 1']);
    expect(informer.get(key('a'))).toEqual(changed);
    expect(informer.byUid(a.metadata.uid)).toEqual(changed);
    expect(informer.byUid(b.metadata.uid)).toBeUndefined();
  });

  it('shows a write before a timer could fire', async () => {
    const informer = start();
    await informer.synced;
    await clock.step(0);
    await store.create(configMaps, map('a'));
    for (let turn = 0; turn < 10 && !informer.get(key('a')); turn++) await Promise.resolve();
    expect(informer.get(key('a'))).toBeDefined();
  });

  it('keeps indexes over what it shows', async () => {
    const informer = start({ indexes: { v: (object) => (object.data?.['v'] ?? '').split(',') } });
    await informer.synced;
    await store.create(configMaps, map('a', { v: 'x,y' }));
    await store.create(configMaps, map('b', { v: 'y' }));
    const named = (value: string) => informer.byIndex('v', value).map(({ metadata }) => metadata.name);
    await clock.step(0);
    expect([named('x'), named('y')]).toEqual([['a'], ['a', 'b']]);
    await write('a', 'z');
    await store.delete(configMaps, key('b'));
    await clock.step(0);
    expect([named('x'), named('y'), named('z')]).toEqual([[], [], ['a']]);
    expect(() => informer.byIndex('w', 'x')).toThrow('no index w');
  });

  it('keeps to its namespace and labels', async () => {
    const informer = start({ namespace: 'test', labels: { app: 'tested' } });
    await informer.synced;
    await store.create(configMaps, { ...map('a'), metadata: key('without-label') });
    await store.create(configMaps, { ...map('a'), metadata: { ...map('a').metadata, namespace: 'elsewhere' } });
    await store.create(configMaps, map('a'));
    await store.patch(configMaps, key('a'), { metadata: { labels: null } });
    await clock.step(0);
    expect(told).toEqual(['added a', 'deleted a']);
  });

  it('logs a handler that throws and goes on', async () => {
    const informer = start();
    informer.onChange(() => {
      throw new Error('clumsy handler');
    });
    informer.onChange((change) => told.push(`second: ${describeChange(change)}`));
    await informer.synced;
    await store.create(configMaps, map('a'));
    await store.create(configMaps, map('b'));
    await clock.step(0);
    expect(told).toEqual(['added a', 'second: added a', 'added b', 'second: added b']);
    expect(logged.join('')).toContain('clumsy handler');
  });

  it('tells a handler nothing once it is disposed', async () => {
    const informer = start();
    const late: string[] = [];
    const registration = informer.onChange((change) => late.push(describeChange(change)));
    await informer.synced;
    registration[Symbol.dispose]();
    await store.create(configMaps, map('a'));
    await clock.step(0);
    expect([told.length, late.length]).toEqual([1, 0]);
  });

  it('takes a watch up where it ended, without a new list', async () => {
    const informer = start();
    await informer.synced;
    const a = await store.create(configMaps, map('a'));
    await clock.step(5_000);
    outages.cutWatches();
    await store.create(configMaps, map('b'));
    await clock.step(0);
    expect(outages.calls).toEqual(['list', 'watch 0', `watch ${a.metadata.resourceVersion}`]);
    expect(told).toEqual(['added a', 'added b']);
  });

  it('takes a quiet watch up at once, however often a server ends it', async () => {
    const informer = start();
    await informer.synced;
    for (let i = 0; i < 20; i++) {
      await clock.step(5_000);
      outages.cutWatches();
    }
    await clock.step(0);
    expect(outages.calls).toHaveLength(22);
  });

  it('never hurries to a watch that ends again and again', async () => {
    const informer = start();
    await informer.synced;
    for (let i = 0; i < 200; i++) {
      outages.cutWatches();
      await clock.step(0);
    }
    expect(outages.calls.length).toBeLessThan(6);
    await clock.step(60_000);
    await store.create(configMaps, map('a'));
    await clock.step(0);
    expect(told).toEqual(['added a']);
  });

  it('retries a failing watch for ever from where it was, at most 30 seconds apart', async () => {
    const informer = start();
    await informer.synced;
    const a = await store.create(configMaps, map('a'));
    await clock.step(0);
    outages.watchFailure = 'Unavailable';
    outages.cutWatches();
    await clock.step(3_600_000);
    const attempts = outages.calls.slice(2);
    expect(new Set(attempts)).toEqual(new Set([`watch ${a.metadata.resourceVersion}`]));
    expect(attempts.length).toBeGreaterThan(3_600 / 30);
    expect(attempts.length).toBeLessThan(600);
    await write('a', '2');
    outages.watchFailure = undefined;
    await clock.step(30_000);
    expect(told).toEqual(['added a', 'changed a →2']);
    expect(outages.calls.filter((call) => call === 'list')).toHaveLength(1);
  });

  it('waits before it tries again what has failed', async () => {
    outages.listFailure = 'Unavailable';
    start();
    await clock.step(0);
    await clock.step(0);
    expect(outages.calls).toEqual(['list']);
    await clock.step(800);
    expect(outages.calls.length).toBeGreaterThan(1);
  });

  it('retries a failing first list until it succeeds, and is synced only then', async () => {
    outages.listFailure = 'TooManyRequests';
    await store.create(configMaps, map('a'));
    const informer = start();
    let isSynced = false;
    void informer.synced.then(() => (isSynced = true));
    await clock.step(300_000);
    expect(isSynced).toBe(false);
    outages.listFailure = undefined;
    await clock.step(30_000);
    expect(isSynced).toBe(true);
    expect(told).toEqual(['added a']);
  });

  it('lists anew at once when its version is too old, and tells the difference', async () => {
    const informer = start();
    await informer.synced;
    for (const name of ['kept', 'changed', 'deleted', 'replaced'])
      await store.create(configMaps, map(name, { v: '1' }));
    await clock.step(0);
    told = [];
    outages.watchFailure = 'Unavailable';
    outages.cutWatches();
    await clock.step(0);
    await write('changed', '2');
    await store.delete(configMaps, key('deleted'));
    const old = await store.get(configMaps, key('replaced'));
    await store.delete(configMaps, key('replaced'));
    await store.create(configMaps, map('replaced', { v: '3' }));
    await store.create(configMaps, map('new', { v: '1' }));
    for (let i = 0; i < 10; i++) await write('changed', `${10 + i}`);
    outages.watchFailure = undefined;
    await clock.step(30_000);
    expect(told.toSorted()).toEqual(
      ['deleted deleted 1', 'changed changed 1→19', 'deleted replaced 1', 'added replaced 3', 'added new 1'].toSorted(),
    );
    expect(told.indexOf('deleted replaced 1')).toBeLessThan(told.indexOf('added replaced 3'));
    expect(informer.byUid(old?.metadata.uid ?? '')).toBeUndefined();
    expect(outages.calls.filter((call) => call === 'list')).toHaveLength(2);
  });

  it('does not hurry when every version is too old', async () => {
    outages.watchFailure = 'Expired';
    await start().synced;
    await clock.step(10_000);
    expect(outages.calls.length).toBeLessThan(60);
  });

  it('knows when it last heard of the store', async () => {
    const informer = start();
    await informer.synced;
    await clock.step(20_000);
    expect(informer.lastContactMs).toBe(0);
    await store.create(configMaps, map('a'));
    await clock.step(0);
    expect(informer.lastContactMs).toBe(20_000);
    await clock.step(600_000);
    expect(clock.monotonic() - informer.lastContactMs).toBeLessThan(31_000);
  });

  it('ends with its signal: no calls after that, and whoever waits for the first list hears of it', async () => {
    outages.listFailure = 'Unavailable';
    const informer = start();
    await clock.step(0);
    abort.abort();
    await expect(informer.synced).rejects.toThrow('aborted');
    const calls = outages.calls.length;
    await clock.step(600_000);
    expect(outages.calls).toHaveLength(calls);
  });
});

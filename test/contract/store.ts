import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import { browserPools, type BrowserPool, type BrowserPoolSpec } from '../../src/api/v1alpha1/browser-pool.ts';
import {
  browserSessions,
  type BrowserSession,
  type BrowserSessionSpec,
} from '../../src/api/v1alpha1/browser-session.ts';
import { configMaps, nodes, pods, secrets } from '../../src/kube/builtins.ts';
import type { Store, WatchEvent, WatchOptions } from '../../src/kube/store.ts';
import { StoreError, type StoreReason } from '../../src/kube/store-error.ts';
import type { ConfigMap, Pod } from '../../src/lib/kubernetes.ts';
import type { NewObject, NewObjectMeta, ObjectKey, OwnerReference, StoredObject } from '../../src/lib/object-meta.ts';
import type { Resource } from '../../src/lib/resource.ts';

/** A store with Porthole's kinds in it, and whoever collects garbage for it. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: Store;
  /** The name of a namespace that exists and is empty, in which Pods can be made. */
  newNamespace(): Promise<string>;
}

export interface StoreContractOptions {
  /** Tests that this implementation does not pass, by name, and why: the list of known differences. */
  readonly skip?: Readonly<Record<string, string>>;
}

/** How long what happens by itself may take: garbage collection on a busy machine. */
const patienceMs = 30_000;

async function eventually<T>(read: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const value = await read();
    if (isSo(value)) return value;
    if (Date.now() > deadline) throw new Error(`still not so after ${patienceMs} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function failure(attempt: Promise<unknown>): Promise<StoreError> {
  const outcome = await attempt.then(
    (value) => `nothing failed: ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
  if (outcome instanceof StoreError) return outcome;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}

async function reasonOf(attempt: Promise<unknown>): Promise<StoreReason> {
  return (await failure(attempt)).reason;
}

const uniqueName = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 8)}`;

function newSession(meta: NewObjectMeta, spec: Partial<BrowserSessionSpec> = {}): NewObject<BrowserSession> {
  const sparse = { accountRef: { name: 'someone' }, ...spec };
  return { apiVersion, kind: 'BrowserSession', metadata: meta, spec: sparse as BrowserSessionSpec };
}

function newPool(meta: NewObjectMeta, spec: Partial<BrowserPoolSpec> = {}): NewObject<BrowserPool> {
  return { apiVersion, kind: 'BrowserPool', metadata: meta, spec: spec as BrowserPoolSpec };
}

function newConfigMap(meta: NewObjectMeta, data: Record<string, string> = {}): NewObject<ConfigMap> {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta, data };
}

/** Of a scheduler that nobody runs: a real one would write into its status while the test watches it. */
function newPod(meta: NewObjectMeta, spec: Partial<Pod['spec']> = {}): NewObject<Pod> {
  const containers = [{ name: 'main', image: 'example.invalid/none' }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: meta, spec: { schedulerName: 'nobody', containers, ...spec } };
}

function ownedBy({ apiVersion, kind, metadata }: StoredObject): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid };
}

type ObjectEvent<T> = Exclude<WatchEvent<T>, { readonly type: 'BOOKMARK' }>;

/** Reads a watch in the background. Bookmarks are left out. */
class Recorder<T extends StoredObject> implements AsyncDisposable {
  readonly events: ObjectEvent<T>[] = [];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(store: Store, resource: Resource<T>, options: Omit<WatchOptions, 'signal'>) {
    this.#done = this.#read(store.watch(resource, { ...options, signal: this.#abort.signal }));
    this.#done.catch(() => undefined);
  }

  async #read(watch: AsyncIterable<WatchEvent<T>>): Promise<void> {
    for await (const event of watch) if (event.type !== 'BOOKMARK') this.events.push(event);
  }

  /** `ADDED a`, `MODIFIED a` …, once there are so many. */
  async told(count: number): Promise<readonly string[]> {
    const reading = eventually(
      () => Promise.resolve(this.events.length),
      (length) => length >= count,
    );
    await Promise.race([reading, this.#done.then(() => reading)]);
    return this.events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  }

  /** Rejects with what the watch failed with, if it did. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** What every Store does, whatever is behind it. */
export function storeContract(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  { skip = {} }: StoreContractOptions = {},
): void {
  describe(`${name} is a Store`, () => {
    let underTest: StoreUnderTest;
    let store: Store;
    let namespace: string;
    let elsewhere: string;

    beforeAll(async () => {
      underTest = await makeStore();
      store = underTest.store;
      namespace = await underTest.newNamespace();
      elsewhere = await underTest.newNamespace();
    });
    afterAll(async () => underTest[Symbol.asyncDispose]());

    const named = new Set<string>();
    const it = (sentence: string, run: () => Promise<void>): void => {
      named.add(sentence);
      const reason = skip[sentence];
      if (reason === undefined) test(sentence, run);
      else test.skip(`${sentence} [${reason}]`, run);
    };
    const meta = (prefix: string, more: Partial<NewObjectMeta> = {}): NewObjectMeta => ({
      name: uniqueName(prefix),
      namespace,
      ...more,
    });
    const watchFromNow = async <T extends StoredObject>(
      resource: Resource<T>,
      options: Omit<WatchOptions, 'signal' | 'resourceVersion'> = { namespace },
    ): Promise<Recorder<T>> => {
      const { resourceVersion } = await store.list(resource, options);
      return new Recorder(store, resource, { ...options, resourceVersion });
    };
    const isGone = async <T extends StoredObject>(resource: Resource<T>, key: ObjectKey): Promise<void> => {
      await eventually(
        () => store.get(resource, key),
        (object) => object === undefined,
      );
    };
    const version = (object: StoredObject): number => Number(object.metadata.resourceVersion);

    describe('create', () => {
      it('gives an object its uid, version, generation and time', async () => {
        const beforeMs = Date.now();
        const wanted = meta('made', { labels: { a: 'b' }, annotations: { 'example.com/c': 'd' } });
        const pool = await store.create(browserPools, newPool(wanted));
        expect(pool).toMatchObject({ apiVersion, kind: 'BrowserPool', metadata: { ...wanted, generation: 1 } });
        expect(pool.metadata.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(pool.metadata.resourceVersion).not.toBe('');
        expect(Math.abs(Date.parse(pool.metadata.creationTimestamp) - beforeMs)).toBeLessThan(5_000);
        expect(await store.get(browserPools, wanted)).toEqual(pool);
      });

      it('fills in the defaults of the schema', async () => {
        const session = await store.create(browserSessions, newSession(meta('sparse')));
        expect(session.spec).toMatchObject({ idleTimeoutMs: 900_000, onQuotaExceeded: 'Queue', extensions: [] });
      });

      it('gives the status that an object begins with, whatever is given', async () => {
        const given = { ...newSession(meta('forward')), status: { phase: 'Ready' } } as NewObject<BrowserSession>;
        expect((await store.create(browserSessions, given)).status).toEqual(browserSessions.initialStatus);
      });

      it('refuses a name that is taken in its namespace, and in no other', async () => {
        const taken = meta('taken');
        await store.create(configMaps, newConfigMap(taken));
        expect(await reasonOf(store.create(configMaps, newConfigMap(taken)))).toBe('AlreadyExists');
        await store.create(configMaps, newConfigMap({ ...taken, namespace: elsewhere }));
      });

      it('refuses what the schema refuses, and names the field', async () => {
        const error = await failure(store.create(browserSessions, newSession(meta('hasty'), { idleTimeoutMs: 5 })));
        expect(error.reason).toBe('Invalid');
        expect(error.problems.map(({ field }) => field)).toContain('spec.idleTimeoutMs');
      });

      it('refuses what a rule over several fields refuses', async () => {
        const both = { proxy: { sticky: false }, proxyUrlSecretRef: { name: 'a', key: 'b' } };
        expect(await reasonOf(store.create(browserSessions, newSession(meta('both'), both)))).toBe('Invalid');
      });

      it('refuses names and labels that are none', async () => {
        const attempt = (given: Partial<NewObjectMeta>) =>
          reasonOf(store.create(configMaps, newConfigMap(meta('x', given))));
        expect(await attempt({ name: 'Upper_case' })).toBe('Invalid');
        expect(await attempt({ labels: { 'not/a/label': 'x' } })).toBe('Invalid');
        expect(await attempt({ labels: { label: 'not a value' } })).toBe('Invalid');
      });

      it('lets one of many win the same name', async () => {
        const wanted = meta('race');
        const attempts = Array.from({ length: 20 }, () => store.create(configMaps, newConfigMap(wanted)));
        const outcomes = await Promise.allSettled(attempts);
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });

      it('keeps a copy of its own', async () => {
        const data = { key: 'as given' };
        const wanted = meta('copy');
        await store.create(configMaps, newConfigMap(wanted, data));
        data.key = 'changed later';
        expect((await store.get(configMaps, wanted))?.data).toEqual({ key: 'as given' });
      });
    });

    describe('get and list', () => {
      it('answers undefined for what does not exist', async () => {
        expect(await store.get(configMaps, meta('nobody'))).toBeUndefined();
      });

      it('lists a namespace, or all of them', async () => {
        const mark = { labels: { mark: uniqueName('m') } };
        const here = await store.create(configMaps, newConfigMap(meta('here', mark)));
        const there = await store.create(configMaps, newConfigMap(meta('there', { ...mark, namespace: elsewhere })));
        const names = async (options: { namespace?: string }) =>
          (await store.list(configMaps, { ...options, ...mark })).items.map((item) => item.metadata.name).sort();
        expect(await names({ namespace })).toEqual([here.metadata.name]);
        expect(await names({})).toEqual([here.metadata.name, there.metadata.name].sort());
      });

      it('selects by all labels together', async () => {
        const mark = uniqueName('m');
        const both = await store.create(configMaps, newConfigMap(meta('both', { labels: { mark, colour: 'red' } })));
        await store.create(configMaps, newConfigMap(meta('one', { labels: { mark, colour: 'blue' } })));
        const { items } = await store.list(configMaps, { namespace, labels: { mark, colour: 'red' } });
        expect(items).toEqual([both]);
      });

      it('selects by fields', async () => {
        const running = await store.create(pods, newPod(meta('running', { labels: { fields: 'yes' } })));
        await store.create(pods, newPod(meta('pending', { labels: { fields: 'yes' } })));
        await store.patchStatus(pods, running.metadata, { phase: 'Running' });
        const found = async (fields: Record<string, string>) =>
          (await store.list(pods, { namespace, labels: { fields: 'yes' }, fields })).items.map((p) => p.metadata.name);
        expect(await found({ 'status.phase': 'Running' })).toEqual([running.metadata.name]);
        expect(await found({ 'metadata.name': running.metadata.name })).toEqual([running.metadata.name]);
        expect(await found({ 'metadata.name': 'nobody' })).toEqual([]);
      });
    });

    describe('update', () => {
      it('replaces all but the status', async () => {
        const wanted = meta('whole', { labels: { old: 'yes' } });
        await store.create(browserPools, newPool(wanted, { maxSandboxes: 5 }));
        const pool = await store.patchStatus(browserPools, wanted, { warm: 3 });
        const { labels: _old, ...metadata } = pool.metadata;
        const next = { ...pool, metadata, spec: { ...pool.spec, maxSandboxes: 7 }, status: { warm: 99 } };
        const stored = await store.update(browserPools, next);
        expect(stored).toMatchObject({ spec: { maxSandboxes: 7 }, status: { warm: 3 } });
        expect(stored.metadata.labels).toBeUndefined();
        expect(await store.get(browserPools, wanted)).toEqual(stored);
      });

      it('refuses another version than the stored one', async () => {
        const read = await store.create(configMaps, newConfigMap(meta('stale')));
        await store.update(configMaps, { ...read, data: { by: 'the first' } });
        expect(await reasonOf(store.update(configMaps, { ...read, data: { by: 'the second' } }))).toBe('Conflict');
        expect((await store.get(configMaps, read.metadata))?.data).toEqual({ by: 'the first' });
      });

      it('lets one of many win the same version', async () => {
        const read = await store.create(configMaps, newConfigMap(meta('contest')));
        const attempts = Array.from({ length: 20 }, (_, i) =>
          store.update(configMaps, { ...read, data: { by: `${i}` } }),
        );
        const outcomes = await Promise.allSettled(attempts);
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });

      it('refuses what is not there', async () => {
        const read = await store.create(configMaps, newConfigMap(meta('brief')));
        await store.delete(configMaps, read.metadata);
        expect(await reasonOf(store.update(configMaps, read))).toBe('NotFound');
      });

      it('refuses an object of the same name with another uid', async () => {
        const first = await store.create(configMaps, newConfigMap(meta('phoenix')));
        await store.delete(configMaps, first.metadata);
        const { name } = first.metadata;
        const second = await store.create(configMaps, newConfigMap({ name, namespace }));
        const { resourceVersion } = second.metadata;
        const ghost = { ...first, metadata: { ...first.metadata, resourceVersion } };
        expect(await reasonOf(store.update(configMaps, ghost))).toBe('Conflict');
      });
    });

    describe('generation', () => {
      it('rises with the spec and with nothing else', async () => {
        const wanted = meta('counted');
        const pool = await store.create(browserPools, newPool(wanted));
        await store.patch(browserPools, wanted, { metadata: { labels: { new: 'yes' } } });
        expect((await store.patchStatus(browserPools, wanted, { warm: 1 })).metadata.generation).toBe(1);
        const grown = await store.patch(browserPools, wanted, { spec: { maxSandboxes: 9 } });
        expect(grown.metadata.generation).toBe(2);
        const spec = { ...grown.spec, maxSandboxes: 10 };
        expect((await store.update(browserPools, { ...grown, spec })).metadata.generation).toBe(3);
        expect(pool.metadata.generation).toBe(1);
      });

      it('rises when deletion is asked for', async () => {
        const wanted = meta('leaving', { finalizers: ['example.com/hold'] });
        await store.create(browserPools, newPool(wanted));
        await store.delete(browserPools, wanted);
        expect((await store.get(browserPools, wanted))?.metadata.generation).toBe(2);
        await store.patch(browserPools, wanted, { metadata: { finalizers: null } });
      });
    });

    describe('patch', () => {
      it('merges: null removes a member, an array is replaced whole', async () => {
        const wanted = meta('merged', { labels: { keep: '1', drop: '2' } });
        await store.create(browserPools, newPool(wanted, { template: { egress: { allow: ['10.0.0.0/8'] } } as never }));
        const patch = {
          metadata: { labels: { drop: null, add: '3' } },
          spec: { template: { egress: { allow: ['192.168.0.0/16'] } } },
        };
        const pool = await store.patch(browserPools, wanted, patch);
        expect(pool.metadata.labels).toEqual({ keep: '1', add: '3' });
        expect(pool.spec.template.egress.allow).toEqual(['192.168.0.0/16']);
        expect(await store.get(browserPools, wanted)).toEqual(pool);
      });

      it('puts a default in the place of a removed member', async () => {
        const wanted = meta('reset');
        await store.create(browserPools, newPool(wanted, { maxSandboxes: 7 }));
        expect((await store.patch(browserPools, wanted, { spec: { maxSandboxes: null } })).spec.maxSandboxes).toBe(50);
      });

      it('leaves the status alone', async () => {
        const wanted = meta('status-safe');
        await store.create(browserPools, newPool(wanted));
        await store.patchStatus(browserPools, wanted, { warm: 2 });
        const pool = await store.patch(browserPools, wanted, { spec: { maxSandboxes: 3 }, status: { warm: 99 } });
        expect(pool).toMatchObject({ spec: { maxSandboxes: 3 }, status: { warm: 2 } });
      });

      it('changes nothing when it says what is so already: no version, no event', async () => {
        const wanted = meta('idle', { labels: { same: 'yes' } });
        await store.create(browserPools, newPool(wanted, { maxSandboxes: 4 }));
        // An API server stores the status that it has filled in with the first write after the creation, whatever that says.
        const pool = await store.patchStatus(browserPools, wanted, { warm: 0 });
        await using watch = await watchFromNow(browserPools);
        const patch = { metadata: { labels: { same: 'yes', none: null } }, spec: { maxSandboxes: 4 } };
        expect((await store.patch(browserPools, wanted, patch)).metadata).toEqual(pool.metadata);
        await store.update(browserPools, pool);
        await store.delete(browserPools, wanted);
        expect(await watch.told(1)).toEqual([`DELETED ${wanted.name}`]);
      });

      it('refuses what the schema refuses', async () => {
        const pool = await store.create(browserPools, newPool(meta('sane')));
        const error = await failure(store.patch(browserPools, pool.metadata, { spec: { maxSandboxes: -1 } }));
        expect(error.reason).toBe('Invalid');
        expect(error.problems.map(({ field }) => field)).toContain('spec.maxSandboxes');
        expect(await store.get(browserPools, pool.metadata)).toEqual(pool);
      });

      it('refuses to change what is fixed at creation', async () => {
        const session = await store.create(browserSessions, newSession(meta('fixed')));
        const attempt = store.patch(browserSessions, session.metadata, { spec: { accountRef: { name: 'another' } } });
        expect(await reasonOf(attempt)).toBe('Invalid');
        const longer = await store.patch(browserSessions, session.metadata, { spec: { idleTimeoutMs: 5_000 } });
        expect(longer.spec.idleTimeoutMs).toBe(5_000);
      });

      it('refuses another uid or version than the expected one', async () => {
        const map = await store.create(configMaps, newConfigMap(meta('expected')));
        const { uid, resourceVersion } = map.metadata;
        const attempt = (expected: { uid?: string; resourceVersion?: string }) =>
          store.patch(configMaps, map.metadata, { data: { at: uniqueName('t') } }, expected);
        expect(await reasonOf(attempt({ uid: randomUUID() }))).toBe('Conflict');
        await attempt({ uid, resourceVersion });
        expect(await reasonOf(attempt({ resourceVersion }))).toBe('Conflict');
        await attempt({ uid });
      });

      it('refuses what is not there', async () => {
        expect(await reasonOf(store.patch(configMaps, meta('nobody'), { data: { a: 'b' } }))).toBe('NotFound');
      });

      it('loses no part when many write different members', async () => {
        const wanted = meta('shared');
        await store.create(configMaps, newConfigMap(wanted));
        const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
        await Promise.all(keys.map((key) => store.patch(configMaps, wanted, { data: { [key]: 'x' } })));
        expect(Object.keys((await store.get(configMaps, wanted))?.data ?? {}).sort()).toEqual([...keys].sort());
      });
    });

    describe('patchStatus', () => {
      it('makes the status and merges into it, and leaves the rest alone', async () => {
        const session = await store.create(browserSessions, newSession(meta('phased')));
        await store.patchStatus(browserSessions, session.metadata, { phase: 'Starting', cdpUrl: 'ws://a' });
        const ready = await store.patchStatus(browserSessions, session.metadata, { phase: 'Ready', cdpUrl: null });
        expect(ready.status).toEqual({ ...browserSessions.initialStatus, phase: 'Ready' });
        expect(ready.spec).toEqual(session.spec);
        expect(version(ready)).toBeGreaterThan(version(session));
        expect(await store.get(browserSessions, session.metadata)).toEqual(ready);
      });

      it('changes nothing when it says what is so already', async () => {
        const session = await store.create(browserSessions, newSession(meta('calm')));
        const once = await store.patchStatus(browserSessions, session.metadata, { phase: 'Pending' });
        const twice = await store.patchStatus(browserSessions, session.metadata, { phase: 'Pending' });
        expect(twice.metadata).toEqual(once.metadata);
      });

      it('refuses another uid or version than the expected one, and what is not there', async () => {
        const session = await store.create(browserSessions, newSession(meta('guarded')));
        const { uid, resourceVersion } = session.metadata;
        const attempt = (expected: { uid?: string; resourceVersion?: string }, phase: string) =>
          store.patchStatus(browserSessions, session.metadata, { phase }, expected);
        expect(await reasonOf(attempt({ uid: randomUUID() }, 'Ready'))).toBe('Conflict');
        await attempt({ uid, resourceVersion }, 'Starting');
        expect(await reasonOf(attempt({ resourceVersion }, 'Ready'))).toBe('Conflict');
        expect(await reasonOf(store.patchStatus(browserSessions, meta('nobody'), { phase: 'Ready' }))).toBe('NotFound');
      });

      it('writes to the object of the expected uid whatever its version, and never to its successor', async () => {
        const first = await store.create(browserSessions, newSession(meta('succeeded')));
        const { uid } = first.metadata;
        await store.patch(browserSessions, first.metadata, { metadata: { labels: { changed: 'meanwhile' } } });
        const patched = await store.patchStatus(browserSessions, first.metadata, { phase: 'Starting' }, { uid });
        expect(patched.status).toEqual({ ...browserSessions.initialStatus, phase: 'Starting' });
        await store.delete(browserSessions, first.metadata);
        const { name } = first.metadata;
        const second = await store.create(browserSessions, newSession({ name, namespace }));
        const late = store.patchStatus(browserSessions, first.metadata, { phase: 'Ready' }, { uid });
        expect(await reasonOf(late)).toBe('Conflict');
        expect(await store.get(browserSessions, second.metadata)).toEqual(second);
      });

      it('is not there for a kind without a status of its own', async () => {
        const map = await store.create(configMaps, newConfigMap(meta('plain')));
        expect(await reasonOf(store.patchStatus(configMaps, map.metadata, { a: 1 }))).toBe('NotFound');
      });
    });

    describe('apply', () => {
      const as = (fieldManager: string) => ({ fieldManager });

      it('makes what is not there, with the defaults of the schema', async () => {
        const wanted = meta('applied', { labels: { a: 'b' } });
        const pool = await store.apply(browserPools, newPool(wanted, { maxSandboxes: 5 }), as('tester'));
        expect(pool).toMatchObject({ metadata: { ...wanted, generation: 1 }, spec: { maxSandboxes: 5 } });
        expect(pool.spec.template).toBeDefined();
        expect(await store.get(browserPools, wanted)).toEqual(pool);
      });

      it('sets what is given, leaves what another has set, and the status alone', async () => {
        const wanted = meta('both-hands');
        await store.create(configMaps, newConfigMap(wanted, { theirs: '1' }));
        const map = await store.apply(configMaps, newConfigMap(wanted, { ours: '2' }), as('tester'));
        expect(map.data).toEqual({ theirs: '1', ours: '2' });
        const pool = meta('with-status');
        await store.apply(browserPools, newPool(pool, { maxSandboxes: 5 }), as('tester'));
        await store.patchStatus(browserPools, pool, { warm: 3 });
        const given = { ...newPool(pool, { maxSandboxes: 6 }), status: { warm: 99 } } as NewObject<BrowserPool>;
        expect(await store.apply(browserPools, given, as('tester'))).toMatchObject({
          metadata: { generation: 2 },
          spec: { maxSandboxes: 6 },
          status: { warm: 3 },
        });
      });

      it('takes over what another manager owns, unless told not to', async () => {
        const wanted = meta('contested');
        await store.apply(configMaps, newConfigMap(wanted, { key: 'theirs' }), as('somebody'));
        const ours = newConfigMap(wanted, { key: 'ours' });
        expect((await store.apply(configMaps, ours, as('tester'))).data).toEqual({ key: 'ours' });
      });

      it('refuses fields of another manager when it may not take them over', async () => {
        const wanted = meta('polite');
        await store.apply(configMaps, newConfigMap(wanted, { key: 'theirs' }), as('somebody'));
        const attempt = store.apply(configMaps, newConfigMap(wanted, { key: 'ours' }), {
          ...as('tester'),
          force: false,
        });
        expect(await reasonOf(attempt)).toBe('Conflict');
      });

      it('removes what the same manager has applied before and leaves out now', async () => {
        const wanted = meta('shrinking');
        await store.apply(configMaps, newConfigMap(wanted, { stays: '1', goes: '2' }), as('tester'));
        expect((await store.apply(configMaps, newConfigMap(wanted, { stays: '1' }), as('tester'))).data).toEqual({
          stays: '1',
        });
      });

      it('changes nothing when it says what is so already', async () => {
        const wanted = meta('again-applied');
        const first = await store.apply(configMaps, newConfigMap(wanted, { a: 'b' }), as('tester'));
        const second = await store.apply(configMaps, newConfigMap(wanted, { a: 'b' }), as('tester'));
        expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      });

      it('refuses what the schema refuses', async () => {
        const error = await failure(
          store.apply(browserPools, newPool(meta('unsound'), { maxSandboxes: -1 }), as('tester')),
        );
        expect(error.reason).toBe('Invalid');
        expect(error.problems.map(({ field }) => field)).toContain('spec.maxSandboxes');
      });
    });

    describe('kinds without a namespace', () => {
      it('are made, found, changed and removed by name alone', async () => {
        const key = { name: uniqueName('node'), namespace: '' };
        const node = await store.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: key, spec: {} });
        expect(node.metadata.namespace).toBe('');
        await store.patchStatus(nodes, key, { phase: 'Running' });
        const { items } = await store.list(nodes, { fields: { 'metadata.name': key.name } });
        expect(items.map(({ metadata }) => metadata.name)).toEqual([key.name]);
        await store.delete(nodes, key);
        expect(await store.get(nodes, key)).toBeUndefined();
      });
    });

    describe('delete', () => {
      it('removes an object that nothing holds', async () => {
        const map = await store.create(configMaps, newConfigMap(meta('short')));
        await store.delete(configMaps, map.metadata);
        expect(await store.get(configMaps, map.metadata)).toBeUndefined();
        expect(await reasonOf(store.delete(configMaps, map.metadata))).toBe('NotFound');
      });

      it('gives the same name another uid and a later version', async () => {
        const first = await store.create(configMaps, newConfigMap(meta('again')));
        await store.delete(configMaps, first.metadata);
        const { name } = first.metadata;
        const second = await store.create(configMaps, newConfigMap({ name, namespace }));
        expect(second.metadata.uid).not.toBe(first.metadata.uid);
        expect(version(second)).toBeGreaterThan(version(first));
      });

      it('refuses another uid or version than the expected one', async () => {
        const map = await store.create(configMaps, newConfigMap(meta('sure')));
        const changed = await store.patch(configMaps, map.metadata, { data: { a: 'b' } });
        const { resourceVersion } = map.metadata;
        expect(await reasonOf(store.delete(configMaps, map.metadata, { uid: randomUUID() }))).toBe('Conflict');
        expect(await reasonOf(store.delete(configMaps, map.metadata, { resourceVersion }))).toBe('Conflict');
        const { uid, resourceVersion: current } = changed.metadata;
        await store.delete(configMaps, map.metadata, { uid, resourceVersion: current });
        expect(await store.get(configMaps, map.metadata)).toBeUndefined();
      });

      it('waits for the finalizers, and removes the object with the last', async () => {
        const finalizers = ['example.com/first', 'example.com/second'];
        const map = await store.create(configMaps, newConfigMap(meta('held', { finalizers })));
        await store.delete(configMaps, map.metadata);
        const marked = await store.get(configMaps, map.metadata);
        expect(marked?.metadata.deletionTimestamp).toBeDefined();
        await store.delete(configMaps, map.metadata);
        await store.patch(configMaps, map.metadata, { metadata: { finalizers: ['example.com/second'] } });
        expect(await store.get(configMaps, map.metadata)).toBeDefined();
        await store.patch(configMaps, map.metadata, { metadata: { finalizers: null } });
        expect(await store.get(configMaps, map.metadata)).toBeUndefined();
      });

      it('takes no new finalizer for an object that is being deleted', async () => {
        const finalizers = ['example.com/hold'];
        const map = await store.create(configMaps, newConfigMap(meta('too-late', { finalizers })));
        await store.delete(configMaps, map.metadata);
        const more = { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } };
        expect(await reasonOf(store.patch(configMaps, map.metadata, more))).toBe('Invalid');
        await store.patch(configMaps, map.metadata, { metadata: { finalizers: [] } });
        expect(await store.get(configMaps, map.metadata)).toBeUndefined();
      });

      it('keeps a finalizer that somebody else keeps from being removed by a stale update', async () => {
        const finalizers = ['example.com/hold'];
        const map = await store.create(configMaps, newConfigMap(meta('stale-release', { finalizers })));
        await store.delete(configMaps, map.metadata);
        const { finalizers: _gone, ...metadata } = map.metadata;
        expect(await reasonOf(store.update(configMaps, { ...map, metadata }))).toBe('Conflict');
        await store.patch(configMaps, map.metadata, { metadata: { finalizers: null } });
      });

      it('gives a Pod on a node its grace period, which only gets shorter, and the node the last word', async () => {
        const pod = await store.create(
          pods,
          newPod(meta('graceful'), { nodeName: 'no-such-node', terminationGracePeriodSeconds: 20 }),
        );
        const marked = async () => (await store.get(pods, pod.metadata))?.metadata;
        await store.delete(pods, pod.metadata);
        expect(await marked()).toMatchObject({ deletionGracePeriodSeconds: 20 });
        const dueMs = Date.parse((await marked())?.deletionTimestamp ?? '');
        expect(Math.abs(dueMs - Date.now() - 20_000)).toBeLessThan(5_000);
        await store.delete(pods, pod.metadata, { gracePeriodSeconds: 300 });
        expect(await marked()).toMatchObject({ deletionGracePeriodSeconds: 20 });
        await store.delete(pods, pod.metadata, { gracePeriodSeconds: 5 });
        expect(await marked()).toMatchObject({ deletionGracePeriodSeconds: 5 });
        await store.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
        expect(await marked()).toBeUndefined();
      });

      it('removes a Pod that no node has, or that has ended, at once', async () => {
        const unscheduled = await store.create(pods, newPod(meta('unscheduled')));
        const ended = await store.create(pods, newPod(meta('ended'), { nodeName: 'no-such-node' }));
        await store.patchStatus(pods, ended.metadata, { phase: 'Succeeded' });
        for (const { metadata } of [unscheduled, ended]) {
          await store.delete(pods, metadata);
          expect(await store.get(pods, metadata)).toBeUndefined();
        }
      });

      it('knows no grace period for other kinds', async () => {
        const map = await store.create(configMaps, newConfigMap(meta('no-grace')));
        await store.delete(configMaps, map.metadata, { gracePeriodSeconds: 30 });
        expect(await store.get(configMaps, map.metadata)).toBeUndefined();
      });
    });

    describe('owners', () => {
      it('takes its dependents along, whatever their kind, and theirs in turn', async () => {
        const owner = await store.create(browserSessions, newSession(meta('owner')));
        const ownerReferences = [ownedBy(owner)];
        const child = await store.create(configMaps, newConfigMap(meta('child', { ownerReferences })));
        const secret = await store.create(secrets, {
          ...{ apiVersion: 'v1', kind: 'Secret' },
          metadata: meta('child', { ownerReferences }),
        });
        const grandchild = await store.create(
          configMaps,
          newConfigMap(meta('grandchild', { ownerReferences: [ownedBy(child)] })),
        );
        await store.delete(browserSessions, owner.metadata);
        await isGone(configMaps, child.metadata);
        await isGone(secrets, secret.metadata);
        await isGone(configMaps, grandchild.metadata);
      });

      it('leaves an object that has another owner, and strikes the lost one off', async () => {
        const leaves = await store.create(configMaps, newConfigMap(meta('leaves')));
        const stays = await store.create(configMaps, newConfigMap(meta('stays')));
        const ownerReferences = [ownedBy(leaves), ownedBy(stays)];
        const child = await store.create(configMaps, newConfigMap(meta('child', { ownerReferences })));
        await store.delete(configMaps, leaves.metadata);
        await eventually(
          () => store.get(configMaps, child.metadata),
          (object) => object?.metadata.ownerReferences?.length === 1,
        );
        await store.delete(configMaps, stays.metadata);
        await isGone(configMaps, child.metadata);
      });

      it('waits until the owner is really gone', async () => {
        const owner = await store.create(configMaps, newConfigMap(meta('owner', { finalizers: ['example.com/hold'] })));
        const child = await store.create(
          configMaps,
          newConfigMap(meta('child', { ownerReferences: [ownedBy(owner)] })),
        );
        await store.delete(configMaps, owner.metadata);
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(await store.get(configMaps, child.metadata)).toBeDefined();
        await store.patch(configMaps, owner.metadata, { metadata: { finalizers: null } });
        await isGone(configMaps, child.metadata);
      });

      it('collects what is made for an owner that is gone, even if another has taken its name', async () => {
        const owner = await store.create(configMaps, newConfigMap(meta('owner')));
        await store.delete(configMaps, owner.metadata);
        await store.create(configMaps, newConfigMap({ name: owner.metadata.name, namespace }));
        const child = await store.create(configMaps, newConfigMap(meta('late', { ownerReferences: [ownedBy(owner)] })));
        await isGone(configMaps, child.metadata);
      });
    });

    describe('watch', () => {
      it('tells every change in order, with the object as it was written', async () => {
        await using watch = await watchFromNow(configMaps);
        const wanted = meta('story');
        const made = await store.create(configMaps, newConfigMap(wanted));
        const changed = await store.patch(configMaps, wanted, { data: { a: 'b' } });
        await store.delete(configMaps, wanted);
        const { name } = wanted;
        expect(await watch.told(3)).toEqual([`ADDED ${name}`, `MODIFIED ${name}`, `DELETED ${name}`]);
        expect(watch.events.slice(0, 2).map(({ object }) => object)).toEqual([made, changed]);
        const last = watch.events[2]?.object;
        expect(last?.data).toEqual({ a: 'b' });
        expect(last && version(last)).toBeGreaterThan(version(changed));
      });

      it('misses nothing that was written between the list and the watch', async () => {
        const { resourceVersion } = await store.list(configMaps, { namespace });
        const made = await store.create(configMaps, newConfigMap(meta('between')));
        const changed = await store.patch(configMaps, made.metadata, { data: { n: '2' } });
        await using watch = new Recorder(store, configMaps, { namespace, resourceVersion });
        await watch.told(2);
        expect(watch.events.map(({ object }) => object)).toEqual([made, changed]);
      });

      it('misses nothing while many write, and tells it in the order of the versions', async () => {
        const labels = { crowd: uniqueName('c') };
        await using early = await watchFromNow(configMaps, { namespace, labels });
        const { resourceVersion } = await store.list(configMaps, { namespace, labels });
        const write = async (): Promise<void> => {
          const map = await store.create(configMaps, newConfigMap(meta('crowd', { labels })));
          await store.patch(configMaps, map.metadata, { data: { step: '2' } });
          await store.delete(configMaps, map.metadata);
        };
        const writing = Promise.all(Array.from({ length: 40 }, write));
        await using during = new Recorder(store, configMaps, { namespace, labels, resourceVersion });
        await writing;
        await using after = new Recorder(store, configMaps, { namespace, labels, resourceVersion });
        const stories = await Promise.all([early, during, after].map((watch) => watch.told(120)));
        expect(stories[0]).toHaveLength(120);
        expect(stories[1]).toEqual(stories[0]);
        expect(stories[2]).toEqual(stories[0]);
        const versions = early.events.map(({ object }) => version(object));
        expect(versions).toEqual(versions.toSorted((a, b) => a - b));
      });

      it('says ADDED when an object starts to match the labels and DELETED when it stops', async () => {
        await using watch = await watchFromNow(configMaps, { namespace, labels: { colour: 'green' } });
        const map = await store.create(configMaps, newConfigMap(meta('leaf', { labels: { colour: 'red' } })));
        const paint = (colour: string) => store.patch(configMaps, map.metadata, { metadata: { labels: { colour } } });
        await paint('green');
        await store.patch(configMaps, map.metadata, { data: { a: 'b' } });
        await paint('brown');
        await paint('green');
        await store.delete(configMaps, map.metadata);
        const types = (await watch.told(5)).map((told) => told.split(' ')[0]);
        expect(types).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'DELETED']);
      });

      it('follows a field in the same way', async () => {
        const fields = { 'status.phase': 'Running' };
        await using watch = await watchFromNow(pods, { namespace, fields });
        const pod = await store.create(pods, newPod(meta('phases')));
        await store.patchStatus(pods, pod.metadata, { phase: 'Running' });
        await store.patchStatus(pods, pod.metadata, { phase: 'Failed' });
        const { name } = pod.metadata;
        expect(await watch.told(2)).toEqual([`ADDED ${name}`, `DELETED ${name}`]);
      });

      it('keeps to its namespace, or sees all of them', async () => {
        const labels = { scope: uniqueName('s') };
        await using here = await watchFromNow(configMaps, { namespace, labels });
        await using everywhere = await watchFromNow(configMaps, { labels });
        await store.create(configMaps, newConfigMap(meta('there', { namespace: elsewhere, labels })));
        await store.create(configMaps, newConfigMap(meta('here', { labels })));
        expect(await everywhere.told(2)).toHaveLength(2);
        expect(await here.told(1)).toHaveLength(1);
      });

      it('tells of a marked object as modified, and of the removal of its last finalizer as deleted', async () => {
        const map = await store.create(configMaps, newConfigMap(meta('mourned', { finalizers: ['example.com/hold'] })));
        await using watch = await watchFromNow(configMaps, {
          namespace,
          fields: { 'metadata.name': map.metadata.name },
        });
        await store.delete(configMaps, map.metadata);
        await store.patch(configMaps, map.metadata, { metadata: { finalizers: null } });
        const types = (await watch.told(2)).map((told) => told.split(' ')[0]);
        expect(types).toEqual(['MODIFIED', 'DELETED']);
      });

      it('ends without an error when it is aborted, before the first event too', async () => {
        const quiet = await watchFromNow(secrets);
        await quiet.stop();
        const aborted = { namespace, resourceVersion: (await store.list(secrets)).resourceVersion };
        const events: unknown[] = [];
        for await (const event of store.watch(secrets, { ...aborted, signal: AbortSignal.abort() })) events.push(event);
        expect(events).toEqual([]);
      });

      it('lets its reader leave in the middle', async () => {
        const { resourceVersion } = await store.list(configMaps, { namespace });
        await store.create(configMaps, newConfigMap(meta('one')));
        await store.create(configMaps, newConfigMap(meta('two')));
        const { signal } = new AbortController();
        let read = 0;
        for await (const event of store.watch(configMaps, { namespace, resourceVersion, signal })) {
          if (event.type !== 'BOOKMARK') read += 1;
          if (read > 0) break;
        }
        expect(read).toBe(1);
      });
    });

    test('every skipped test is one of these', () => {
      expect(Object.keys(skip).filter((sentence) => !named.has(sentence))).toEqual([]);
    });
  });
}

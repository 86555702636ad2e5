import { afterEach, describe, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../test/support/fakes.ts';
import { Bench, named, through, type BenchOptions } from '../../test/support/operator-bench.ts';
import { patience } from '../../test/support/patience.ts';
import { browserPools } from '../api/v1alpha1/browser-pool.ts';
import { browserSessions, type BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { annotations, labels } from '../api/v1alpha1/group.ts';
import { pods } from '../kube/builtins.ts';
import type { EventFacts } from '../kube/controller/port.ts';
import type { Store } from '../kube/store.ts';
import { StoreError } from '../kube/store-error.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { NewObject } from '../lib/object-meta.ts';
import { formatTime } from '../lib/time.ts';

const onlyCold = { warm: { min: 0, max: 0 } };
const settle = (ms = 60): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let bench: Bench;
function use(options: BenchOptions = {}): Bench {
  bench = new Bench(options);
  startFakeNode(bench.store, { signal: bench.stop.signal });
  return bench;
}
afterEach(() => bench[Symbol.asyncDispose]());

/** What an operator whose time was over writes of a session: it has a sandbox and a slot. */
async function admitElsewhere({ metadata }: BrowserSession, admittedAtMs: number): Promise<void> {
  const { store } = bench;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...named(`pod-of-${metadata.name}`),
      labels: { [labels.pool]: 'default', [labels.sessionUid]: metadata.uid },
    },
    spec: { containers: [{ name: 'browser' }] },
  } as unknown as NewObject<Pod>;
  const { metadata: made } = await store.create(pods, pod);
  await settle(20);
  const admittedAt = formatTime(admittedAtMs);
  await store.patchStatus(browserSessions, metadata, {
    ...{ phase: 'Ready', admittedAt, readyAt: admittedAt },
    sandbox: { podName: made.name, podUID: made.uid, node: 'fake', warm: false },
  });
}

describe('an operator whose time is over', () => {
  it('grants nothing, makes nothing and writes nothing', async () => {
    let leads = true;
    use({ mayGrant: () => leads });
    await bench.account();
    await bench.pool(onlyCold);
    await bench.session('before');
    await bench.phase('before', 'Ready');
    leads = false;
    const { metadata } = await bench.session('after');
    await bench.store.delete(browserSessions, named('before'));
    await settle();
    const now = await bench.store.get(browserSessions, metadata);
    expect(now?.metadata.resourceVersion).toBe(metadata.resourceVersion);
    expect((await bench.pods()).map((p) => p.session)).not.toContain(metadata.uid);
  });

  it('says nothing of a sandbox that it asked for just before', async () => {
    let leads = true;
    const storeOf = (store: Store): Store =>
      through(store, {
        create: async (resource, object) => {
          const made = await store.create(resource, object);
          if (resource.kind === 'Pod') leads = false;
          return made;
        },
      });
    use({ mayGrant: () => leads, storeOf });
    await bench.account();
    await bench.pool(onlyCold);
    const { metadata } = await bench.session('s');
    await vi.waitFor(async () => expect((await bench.pods()).map((p) => p.session)).toEqual([metadata.uid]), patience);
    await settle();
    expect((await bench.store.get(browserSessions, metadata))?.metadata.resourceVersion).toBe(metadata.resourceVersion);
    leads = true;
    await bench.operator[Symbol.asyncDispose]();
    bench.operator = bench.startOperator();
    const { status } = await bench.phase('s', 'Ready');
    expect(status?.sandbox?.podName).toBe(`default-${metadata.uid}`);
  });

  it('does not write over what its successor has decided', async () => {
    // Its answer to the bind takes so long that somebody else has ended the session meanwhile, and no watch has said so.
    use({ watchLagMs: 200 });
    await bench.account();
    await bench.pool(onlyCold);
    bench.agents.meanwhile = async () => {
      const ended = { phase: 'Ended', endedAt: formatTime(Date.now()), endReason: 'ConcurrencyLimitReached' };
      await bench.store.patchStatus(browserSessions, named('s'), ended);
    };
    const phases: (string | undefined)[] = [];
    const watching = async (): Promise<void> => {
      const options = { resourceVersion: '0', signal: bench.stop.signal };
      for await (const event of bench.store.watch(browserSessions, options))
        if (event.type !== 'BOOKMARK') phases.push(event.object.status?.phase);
    };
    void watching();
    await bench.session('s');
    await bench.phase('s', 'Ended');
    await settle(600);
    expect(phases).not.toContain('Ready');
    expect((await bench.pods()).filter((p) => p.session)).toEqual([]);
  });
});

describe('a grant of a predecessor that shows late', () => {
  it('stays while the account has room', async () => {
    use();
    await bench.account({ maxConcurrentSessions: 2 });
    await bench.pool(onlyCold);
    await bench.session('own');
    await bench.phase('own', 'Ready');
    await bench.session('late', { poolRef: { name: 'none' }, onQuotaExceeded: 'Queue' });
    await admitElsewhere(await bench.phase('late', 'Pending'), Date.now());
    await settle();
    await bench.phase('late', 'Ready');
    await bench.session('more');
    expect((await bench.phase('more', 'Ended')).status?.endReason).toBe('ConcurrencyLimitReached');
  });

  it('is taken back when the account is full, and its sandbox goes with it', async () => {
    use();
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool(onlyCold);
    await bench.session('own');
    await bench.phase('own', 'Ready');
    await bench.session('late', { onQuotaExceeded: 'Queue' });
    // Admitted before our own one was, by its clock: that says nothing.
    await admitElsewhere(await bench.phase('late', 'Pending'), Date.now() - 60_000);
    const { status } = await bench.phase('late', 'Ended');
    expect(status).toMatchObject({ endReason: 'ConcurrencyLimitReached', quota: { limit: 1, current: 2 } });
    await bench.phase('own', 'Ready');
    await vi.waitFor(async () => expect(await bench.pods()).toHaveLength(1), patience);
    await bench.store.delete(browserSessions, named('own'));
    await bench.session('next');
    await bench.phase('next', 'Ready');
  });

  it('that was there at the start is nobody’s mistake', async () => {
    use();
    await bench.operator[Symbol.asyncDispose]();
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool(onlyCold);
    for (const name of ['1', '2']) await admitElsewhere(await bench.session(name), Date.now());
    bench.operator = bench.startOperator();
    await bench.operator.started;
    await settle();
    for (const name of ['1', '2']) await bench.phase(name, 'Ready');
  });
});

describe('sandboxes that a predecessor bound and could not say so', () => {
  it('are refused to all but their own sessions, are deleted, and cost no session its browser', async () => {
    use();
    await bench.account();
    await bench.pool({ warm: { min: 6, max: 6 } });
    await bench.warm(6);
    const signal = new AbortController().signal;
    const before = (await bench.store.list(pods)).items.map(({ metadata }) => metadata);
    for (const { uid: podUid } of before)
      await bench.agents.bind({ podUid, podIp: '', sessionUid: `gone-${podUid}` }, { idlePolicy: 'attached' }, signal);
    await bench.session('s');
    const { status } = await bench.phase('s', 'Ready');
    expect(before.map(({ uid }) => uid)).not.toContain(status?.sandbox?.podUID);
    await vi.waitFor(async () => {
      const left = (await bench.pods()).map(({ name }) => name);
      expect(before.filter(({ name }) => left.includes(name))).toEqual([]);
    }, patience);
  });
});

describe('a write whose answer is lost', () => {
  it('is not made twice, and the session is ready', async () => {
    let toLose = 1;
    const statuses: unknown[] = [];
    const storeOf = (store: Store): Store =>
      through(store, {
        patchStatus: async (resource, key, status, expected) => {
          const written = await store.patchStatus(resource, key, status, expected);
          if (resource.kind !== 'BrowserSession') return written;
          statuses.push(status);
          if (toLose-- > 0) throw new StoreError('Unavailable', 'the connection broke');
          return written;
        },
      });
    use({ storeOf });
    await bench.account();
    await bench.pool({ warm: { min: 1, max: 1 } });
    await bench.warm(1);
    await bench.session('s');
    await bench.phase('s', 'Ready');
    await settle();
    expect(statuses).toHaveLength(1);
  });
});

describe('the pod of a session that is gone', () => {
  it('is deleted once, whatever is shown of it before its deletion', async () => {
    const deleted: string[] = [];
    const storeOf = (store: Store): Store =>
      through(store, {
        delete: (resource, key, options) => {
          if (resource.kind === 'Pod') deleted.push(key.name);
          return store.delete(resource, key, options);
        },
      });
    use({ storeOf, watchLagMs: 100 });
    await bench.account();
    await bench.pool({ warm: { min: 1, max: 1 }, maxSandboxes: 1 });
    await bench.warm(1);
    await bench.session('s');
    const { metadata, status } = await bench.phase('s', 'Ready');
    const { podName = '' } = status?.sandbox ?? {};
    await bench.store.delete(browserSessions, metadata);
    // Its owner is known to be gone by the time this is seen, and its deletion is seen later.
    await settle(150);
    await bench.store.patch(pods, named(podName), { metadata: { labels: { [labels.sessionUid]: metadata.uid } } });
    await vi.waitFor(() => expect(deleted).toEqual([podName]), 5_000);
    await settle(300);
    expect(deleted).toEqual([podName]);
  });
});

describe('a pod that no watch has shown yet', () => {
  it('of a ready session does not end it', async () => {
    let lagMs = 0;
    const storeOf = (store: Store): Store =>
      through(store, {
        async *watch(resource, options) {
          for await (const event of store.watch(resource, options)) {
            if (resource.kind === 'Pod' && lagMs > 0) await settle(lagMs);
            yield event;
          }
        },
      });
    use({ storeOf });
    await bench.account();
    await bench.pool(onlyCold);
    await bench.operator.started;
    await settle(20);
    lagMs = 300;
    await bench.session('s', { poolRef: { name: 'none' }, onQuotaExceeded: 'Queue' });
    await admitElsewhere(await bench.phase('s', 'Pending'), Date.now());
    await settle(500);
    await bench.phase('s', 'Ready');
  });

  it('and was made for a session is not joined by a second one', async () => {
    use({ watchLagMs: 100 });
    await bench.account();
    await bench.pool(onlyCold);
    await settle(250);
    await bench.store.patch(browserPools, named('default'), { spec: { warm: { min: 1, max: 1 } } });
    await settle(30);
    const { metadata } = await bench.session('s');
    // By now a warm one is on its way, soon the session's own will be; and the operator will look at the session in between.
    await settle(75);
    await bench.store.patch(browserSessions, metadata, { metadata: { labels: { seen: 'yes' } } });
    const { status } = await bench.phase('s', 'Ready');
    expect(status?.sandbox?.podName).toBe(`default-${metadata.uid}`);
    await settle(300);
    expect([...bench.agents.bound]).toEqual([[status?.sandbox?.podUID, metadata.uid]]);
  });
});

describe('events', () => {
  interface Told extends EventFacts {
    readonly of: string;
  }
  const told: Told[] = [];
  const events = {
    record: (object: { kind: string; metadata: { name: string } }, facts: EventFacts) =>
      void told.push({ ...facts, of: `${object.kind}/${object.metadata.name}` }),
  };
  afterEach(() => void told.splice(0));
  const said = (): string[] => told.map(({ of, type, reason }) => `${of} ${type} ${reason}`);

  it('tell the story of an applied session', async () => {
    use({ events });
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool(onlyCold);
    await bench.session('one', { onQuotaExceeded: 'Queue' });
    const { status } = await bench.phase('one', 'Ready');
    await bench.session('two', { onQuotaExceeded: 'Queue' });
    await bench.phase('two', 'Pending');
    await bench.store.patchStatus(pods, named(status?.sandbox?.podName ?? ''), { phase: 'Failed' });
    await bench.phase('two', 'Ready');
    await vi.waitFor(() => expect(said()).toHaveLength(4), patience);
    expect(said().toSorted()).toEqual([
      'BrowserSession/one Normal Ready',
      'BrowserSession/one Warning BrowserCrashed',
      'BrowserSession/two Normal Queued',
      'BrowserSession/two Normal Ready',
    ]);
    expect(told.find((t) => t.reason === 'BrowserCrashed')?.related?.kind).toBe('Pod');
  });

  it('tell of a pod that the cluster refuses', async () => {
    const storeOf = (store: Store): Store =>
      through(store, {
        create: (resource, object) =>
          resource.kind === 'Pod'
            ? Promise.reject(new StoreError('Forbidden', 'pods "x" is forbidden: exceeded quota'))
            : store.create(resource, object),
      });
    use({ events, storeOf });
    await bench.account();
    await bench.pool({ warm: { min: 1, max: 1 }, template: { startupDeadlineMs: 1_000 } });
    await vi.waitFor(() => expect(said()).toContain('BrowserPool/default Warning FailedCreate'), patience);
    expect(told.find((t) => t.reason === 'FailedCreate')?.note).toMatch(/exceeded quota/);
    await bench.session('s');
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('PoolExhausted');
  });

  it('are silent about an ordinary life by REST, and tell of refusals where they are counted', async () => {
    use({ events });
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool(onlyCold);
    const byFacade = (name: string): Promise<BrowserSession> =>
      bench.store.create(browserSessions, {
        apiVersion: browserSessions.apiVersion,
        kind: browserSessions.kind,
        metadata: { ...named(name), annotations: { [annotations.binding]: 'none' } },
        spec: { accountRef: { name: 'a' }, onQuotaExceeded: 'Reject' },
      } as unknown as NewObject<BrowserSession>);
    await byFacade('one');
    await bench.phase('one', 'Ready');
    await byFacade('two');
    await bench.phase('two', 'Ended');
    await bench.store.delete(browserSessions, named('one'));
    await vi.waitFor(async () => expect(await bench.pods()).toEqual([]), patience);
    expect(said()).toEqual(['BrowserAccount/a Warning ConcurrencyLimitReached']);
  });
});

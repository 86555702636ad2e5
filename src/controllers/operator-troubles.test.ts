import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../test/support/fakes.ts';
import { Bench, named } from '../../test/support/operator-bench.ts';
import { patience, stretch } from '../../test/support/patience.ts';
import { browserAccounts } from '../api/v1alpha1/browser-account.ts';
import { browserPools } from '../api/v1alpha1/browser-pool.ts';
import { browserSessions, type BrowserSessionStatus } from '../api/v1alpha1/browser-session.ts';
import { labels } from '../api/v1alpha1/group.ts';
import { pods } from '../kube/builtins.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { NewObject } from '../lib/object-meta.ts';

const onlyCold = { warm: { min: 0, max: 0 } };
const queued = { onQuotaExceeded: 'Queue' };

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

/** Waits until exactly so many are ready; gives their names. */
const ready = (count: number): Promise<readonly string[]> =>
  vi.waitFor(async () => {
    const names = (await bench.sessions()).filter((s) => s.status?.phase === 'Ready').map((s) => s.metadata.name);
    expect(names).toHaveLength(count);
    return names;
  }, 5_000);
const kill = (name: string): Promise<void> => bench.store.delete(pods, named(name), { gracePeriodSeconds: 0 });

describe('who waits', () => {
  beforeEach(() => startFakeNode(bench.store, { signal: bench.stop.signal }));

  it('is admitted up to the limit when the limit rises', async () => {
    await bench.account({ maxConcurrentSessions: 0 });
    await bench.pool(onlyCold);
    for (const name of ['1', '2', '3', '4']) await bench.session(name, queued);
    await bench.store.patch(browserAccounts, named('a'), { spec: { maxConcurrentSessions: 3 } });
    await ready(3);
  });

  it('is admitted when its account and its pool appear later, all at once', async () => {
    for (const name of ['1', '2', '3']) await bench.session(name, queued);
    await bench.phase('3', 'Pending');
    await bench.account();
    await bench.pool(onlyCold);
    for (const name of ['1', '2', '3']) await bench.phase(name, 'Ready');
  });

  it('is admitted when the ceiling of the pool rises', async () => {
    await bench.account();
    await bench.pool({ ...onlyCold, maxSandboxes: 0 });
    for (const name of ['1', '2', '3']) await bench.session(name, queued);
    await bench.phase('3', 'Pending');
    await bench.store.patch(browserPools, named('default'), { spec: { maxSandboxes: 2 } });
    const [one] = await ready(2);
    await bench.store.delete(browserSessions, named(one ?? ''));
    await ready(2);
  });

  it('does not wait behind one whose pool does not exist', async () => {
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool(onlyCold);
    await bench.session('stuck', { ...queued, poolRef: { name: 'none' } });
    await bench.phase('stuck', 'Pending');
    await bench.session('1', queued);
    await bench.phase('1', 'Ready');
    await bench.session('2', queued);
    await bench.phase('2', 'Pending');
    await bench.store.delete(browserSessions, named('1'));
    await bench.phase('2', 'Ready');
  });

  it('learns that its account is gone', async () => {
    await bench.account({ maxConcurrentSessions: 0 });
    await bench.pool(onlyCold);
    await bench.session('s', queued);
    await bench.phase('s', 'Pending');
    await bench.store.delete(browserAccounts, named('a'));
    await vi.waitFor(async () => {
      const { status } = (await bench.store.get(browserSessions, named('s'))) ?? {};
      expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', reason: 'AccountNotFound' }));
    }, patience);
  });

  it('ends at its maximum lifetime, though nothing happens until then', async () => {
    await bench.account({ maxConcurrentSessions: 0 });
    await bench.pool(onlyCold);
    await bench.session('s', { ...queued, maxLifetimeMs: 1_000 });
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('LifetimeExceeded');
  });
});

describe('a sandbox that goes', () => {
  beforeEach(() => startFakeNode(bench.store, { signal: bench.stop.signal }));

  it('ends its session though it was removed without notice', async () => {
    await bench.account();
    await bench.pool(onlyCold);
    await bench.session('s');
    const { status } = await bench.phase('s', 'Ready');
    await kill(status?.sandbox?.podName ?? '');
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('SandboxLost');
  });

  it('ends its session as its node says, though that comes after the end of its container', async () => {
    await bench.account();
    await bench.pool(onlyCold);
    await bench.session('s');
    const { status } = await bench.phase('s', 'Ready');
    const pod = named(status?.sandbox?.podName ?? '');
    const state = { terminated: { exitCode: 137, reason: 'Error' } };
    const browser = { name: 'browser', image: '', imageID: '', ready: false, restartCount: 0, state };
    await bench.store.patchStatus(pods, pod, { containerStatuses: [browser] });
    await stretch(500);
    await bench.phase('s', 'Ready');
    await bench.store.patchStatus(pods, pod, { phase: 'Failed', reason: 'Evicted' });
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('Evicted');
  });

  it('while it is being bound is replaced', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 2, max: 2 } });
    await bench.warm(2);
    const [first] = await bench.pods();
    bench.agents.meanwhile = async () => {
      bench.agents.meanwhile = () => Promise.resolve();
      await kill(first?.name ?? '');
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await bench.session('s');
    const { status } = await bench.phase('s', 'Ready');
    expect(status?.sandbox?.podName).not.toBe(first?.name);
  });

  it('goes with a session that something still holds', async () => {
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool(onlyCold);
    const { metadata } = await bench.session('s');
    await bench.phase('s', 'Ready');
    await bench.store.patch(browserSessions, metadata, { metadata: { finalizers: ['example.com/audit'] } });
    await bench.store.delete(browserSessions, metadata);
    await vi.waitFor(async () => expect(await bench.pods()).toEqual([]), patience);
    await bench.session('next');
    await bench.phase('next', 'Ready');
  });
});

describe('a changed timeout', () => {
  beforeEach(() => startFakeNode(bench.store, { signal: bench.stop.signal }));

  it('shows in the status', async () => {
    await bench.account();
    await bench.pool(onlyCold);
    await bench.session('s', { idleTimeoutMs: 60_000 });
    const before = await bench.phase('s', 'Ready');
    await bench.store.patch(browserSessions, named('s'), { spec: { idleTimeoutMs: 120_000 } });
    await vi.waitFor(async () => {
      const { status, metadata } = (await bench.store.get(browserSessions, named('s'))) ?? {};
      expect(status?.observedGeneration).toBe(metadata?.generation);
      const movedMs = Date.parse(status?.expiresAt ?? '') - Date.parse(before.status?.expiresAt ?? '');
      expect(movedMs).toBeGreaterThanOrEqual(60_000);
    }, patience);
  });
});

describe('a restart', () => {
  it('between the making of a sandbox and its mention in the status makes no second one', async () => {
    await bench.operator[Symbol.asyncDispose]();
    startFakeNode(bench.store, { signal: bench.stop.signal });
    await bench.account();
    await bench.pool({ warm: { min: 1, max: 1 } });
    const { metadata } = await bench.session('s');
    const own = `default-${metadata.uid}`;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...named(own), labels: { [labels.pool]: 'default', [labels.sessionUid]: metadata.uid } },
      spec: { containers: [{ name: 'browser' }] },
    } as unknown as NewObject<Pod>;
    await bench.store.create(pods, pod);
    await bench.store.create(pods, {
      ...pod,
      metadata: { ...named('spare'), labels: { [labels.pool]: 'default' } },
    });
    bench.operator = bench.startOperator();
    const { status } = await bench.phase('s', 'Ready');
    expect(status?.sandbox?.podName).toBe(own);
  });

  it('may come before the first list has arrived', async () => {
    await bench.startOperator()[Symbol.asyncDispose]();
  });
});

describe('without a node', () => {
  it('a session that got a sandbox without an address ends at the startup deadline', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 1, max: 1 }, template: { startupDeadlineMs: 1_000 } });
    await vi.waitFor(async () => expect(await bench.pods()).toHaveLength(1), patience);
    await bench.session('s');
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('SandboxFailed');
  });
});

describe('watches that lag', () => {
  let readies: number;
  let history: (BrowserSessionStatus | undefined)[];
  beforeEach(async () => {
    readies = 0;
    history = [];
    await bench[Symbol.asyncDispose]();
    bench = new Bench({ watchLagMs: 15, hooks: { sessionReady: () => (readies += 1) } });
    void (async () => {
      const options = { resourceVersion: '0', signal: bench.stop.signal };
      for await (const event of bench.store.watch(browserSessions, options)) {
        if (event.type === 'MODIFIED') history.push(event.object.status);
      }
    })();
  });
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

  it('do not make a session ready twice', async () => {
    startFakeNode(bench.store, { signal: bench.stop.signal, bootMs: 5 });
    await bench.account();
    await bench.pool(onlyCold);
    await bench.session('s');
    await bench.phase('s', 'Ready');
    await settle();
    expect(history.map((status) => status?.phase)).toEqual(['Starting', 'Ready']);
    expect(readies).toBe(1);
  });

  it('do not bring an ended session back', async () => {
    startFakeNode(bench.store, { signal: bench.stop.signal });
    await bench.account();
    await bench.pool({ ...onlyCold, maxSandboxes: 0 });
    const { metadata } = await bench.session('s');
    await bench.phase('s', 'Ended');
    // What makes the operator look again before it has seen its own write.
    await bench.store.patch(browserPools, named('default'), { spec: { maxSandboxes: 5 } });
    await bench.store.patch(browserSessions, metadata, { metadata: { labels: { seen: 'yes' } } });
    await settle();
    expect(new Set(history.map((status) => status?.phase))).toEqual(new Set(['Ended']));
  });
});

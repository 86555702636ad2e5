import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../test/support/fakes.ts';
import { Bench, named } from '../../test/support/operator-bench.ts';
import { patience } from '../../test/support/patience.ts';
import { browserAccounts } from '../api/v1alpha1/browser-account.ts';
import { browserPools } from '../api/v1alpha1/browser-pool.ts';
import { browserSessions } from '../api/v1alpha1/browser-session.ts';
import { pods } from '../kube/builtins.ts';
import { SandboxError } from '../sandbox/port.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe('with a node', () => {
  beforeEach(() => startFakeNode(bench.store, { signal: bench.stop.signal }));

  it('gives a warm sandbox to a session, labels it and refills the pool', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 1, max: 1 } });
    await bench.warm(1);
    await bench.session('s');
    const session = await bench.phase('s', 'Ready');
    expect(session.status).toMatchObject({
      sandbox: { warm: true, node: 'fake' },
      cdpUrl: `ws://gateway/sessions/${session.metadata.uid}`,
    });
    expect(session.status?.conditions?.map((c) => [c.type, c.status, c.reason])).toEqual([
      ['Admitted', 'True', 'Admitted'],
      ['SandboxReady', 'True', 'Bound'],
      ['Ready', 'True', 'Ready'],
      ['Isolated', 'False', 'LocalProcess'],
    ]);
    await bench.warm(1);
    await vi.waitFor(async () => {
      expect((await bench.pods()).filter((p) => p.session === session.metadata.uid)).toHaveLength(1);
    }, 5_000);
  });

  it('makes a sandbox where none is warm', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 0, max: 0 } });
    await bench.session('s');
    const session = await bench.phase('s', 'Ready');
    expect(session.status?.sandbox).toMatchObject({ warm: false, podName: `default-${session.metadata.uid}` });
  });

  it('admits exactly as many as the account allows, of fifty at once, and the next one after a deletion', async () => {
    await bench.account({ maxConcurrentSessions: 7 });
    await bench.pool({ warm: { min: 2, max: 2 }, maxSandboxes: 100 });
    await Promise.all(Array.from({ length: 50 }, (_, i) => bench.session(`s${i}`)));
    await vi.waitFor(async () => {
      const phases = (await bench.sessions()).map((s) => s.status?.phase);
      expect(phases.filter((p) => p === 'Ready')).toHaveLength(7);
      expect(phases.filter((p) => p === 'Ended')).toHaveLength(43);
    }, 5_000);
    const refused = (await bench.sessions()).find((s) => s.status?.phase === 'Ended');
    expect(refused?.status).toMatchObject({ endReason: 'ConcurrencyLimitReached', quota: { limit: 7, current: 7 } });
    const ready = (await bench.sessions()).find((s) => s.status?.phase === 'Ready');
    await bench.store.delete(browserSessions, named(ready?.metadata.name ?? ''));
    await bench.session('next');
    await bench.phase('next', 'Ready');
    expect(new Set(bench.agents.bound.values()).size).toBe(bench.agents.bound.size);
  });

  it('admits queued sessions in order of creation as slots become free', async () => {
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool();
    await bench.session('first');
    await bench.phase('first', 'Ready');
    await bench.session('second', { onQuotaExceeded: 'Queue' });
    const waiting = await bench.phase('second', 'Pending');
    expect(waiting.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Admitted', status: 'False', reason: 'Queued' }),
    );
    await bench.session('third', { onQuotaExceeded: 'Queue' });
    await bench.phase('third', 'Pending');
    await bench.store.delete(browserSessions, named('first'));
    const admitted = await vi.waitFor(async () => {
      const ready = (await bench.sessions()).filter((s) => s.status?.phase === 'Ready');
      expect(ready).toHaveLength(1);
      return ready[0];
    }, 5_000);
    await bench.store.delete(browserSessions, named(admitted?.metadata.name ?? ''));
    await bench.phase(admitted?.metadata.name === 'second' ? 'third' : 'second', 'Ready');
  });

  it('takes the next sandbox when one turns out to be spent, and deletes that one', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 2, max: 2 } });
    await bench.warm(2);
    const before = await bench.pods();
    bench.agents.failures.push(new SandboxError('spent', 'it serves another session'));
    await bench.session('s');
    const session = await bench.phase('s', 'Ready');
    await vi.waitFor(async () => {
      const left = (await bench.pods()).filter((p) => before.some((b) => b.name === p.name));
      expect(left.map((p) => p.name)).toEqual([session.status?.sandbox?.podName]);
    }, patience);
  });

  it.each(['right after its creation', 'once ready'])(
    'leaves nothing behind when a session is deleted %s',
    async (when) => {
      await bench.account();
      await bench.pool({ warm: { min: 0, max: 0 } });
      await bench.session('s');
      if (when === 'once ready') await bench.phase('s', 'Ready');
      await bench.store.delete(browserSessions, named('s'));
      await vi.waitFor(async () => {
        expect(await bench.pods()).toEqual([]);
        expect((await bench.store.get(browserAccounts, named('a')))?.status?.activeSessions ?? 0).toBe(0);
      }, 5_000);
    },
  );

  it('ends an idle session, deletes its sandbox, and the session itself after its ttl', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 0, max: 0 } });
    bench.agents.idleForMs = 2_000;
    await bench.session('s', { idleTimeoutMs: 1_000, ttlSecondsAfterEnded: 1 });
    const ended = await bench.phase('s', 'Ended');
    expect(ended.status?.endReason).toBe('IdleTimeout');
    await vi.waitFor(async () => {
      expect(await bench.pods()).toEqual([]);
      expect(await bench.sessions()).toEqual([]);
    }, 5_000);
  });

  it('leaves an active session alone', async () => {
    await bench.account();
    await bench.pool();
    await bench.session('s', { idleTimeoutMs: 1_000 });
    await bench.phase('s', 'Ready');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await bench.phase('s', 'Ready');
  });

  it('ends a session whose browser dies, and frees its slot', async () => {
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool();
    await bench.session('s');
    const session = await bench.phase('s', 'Ready');
    await bench.store.patchStatus(pods, named(session.status?.sandbox?.podName ?? ''), { phase: 'Failed' });
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('BrowserCrashed');
    await bench.session('next');
    await bench.phase('next', 'Ready');
  });

  it('ends a session whose pod somebody deletes', async () => {
    await bench.account();
    await bench.pool();
    await bench.session('s');
    const session = await bench.phase('s', 'Ready');
    await bench.store.delete(pods, named(session.status?.sandbox?.podName ?? ''));
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('SandboxLost');
  });

  it('says that the pool is exhausted at its ceiling', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 0, max: 0 }, maxSandboxes: 1 });
    await bench.session('s');
    await bench.phase('s', 'Ready');
    await bench.session('more');
    expect((await bench.phase('more', 'Ended')).status?.endReason).toBe('PoolExhausted');
  });

  it('knows after a restart who holds what', async () => {
    await bench.account({ maxConcurrentSessions: 1 });
    await bench.pool();
    await bench.session('s');
    await bench.phase('s', 'Ready');
    await bench.operator[Symbol.asyncDispose]();
    bench.operator = bench.startOperator();
    await bench.session('more');
    expect((await bench.phase('more', 'Ended')).status?.endReason).toBe('ConcurrencyLimitReached');
    await bench.phase('s', 'Ready');
  });

  it('replaces warm sandboxes when the template changes', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 1, max: 1 } });
    await bench.warm(1);
    const [before] = await bench.pods();
    await bench.store.patch(browserPools, named('default'), { spec: { template: { image: 'other' } } });
    await vi.waitFor(async () => {
      const now = await bench.pods();
      expect(now.map((p) => p.name)).not.toContain(before?.name);
      expect(now).toHaveLength(1);
    }, 5_000);
  });
});

describe('without a node', () => {
  it('ends a session at the startup deadline and leaves nothing', async () => {
    await bench.account();
    await bench.pool({ warm: { min: 0, max: 0 }, template: { startupDeadlineMs: 1_000 } });
    await bench.session('s');
    await bench.phase('s', 'Starting');
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('SandboxFailed');
    await vi.waitFor(async () => expect(await bench.pods()).toEqual([]), patience);
  });
});

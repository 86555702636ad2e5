import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../test/support/fakes.ts';
import { Bench, named } from '../../test/support/operator-bench.ts';
import { patience } from '../../test/support/patience.ts';
import { browserPools } from '../api/v1alpha1/browser-pool.ts';
import { browserSessions, type BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { labels } from '../api/v1alpha1/group.ts';
import { pods } from '../kube/builtins.ts';
import type { Pod } from '../lib/kubernetes.ts';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  startFakeNode(bench.store, { signal: bench.stop.signal });
  await bench.account();
});
afterEach(() => bench[Symbol.asyncDispose]());

const podOf = async (session: BrowserSession): Promise<Pod | undefined> =>
  bench.store.get(pods, named(session.status?.sandbox?.podName ?? ''));

/** A Ready session on a sandbox that was warm, once its pod says whose it is. */
async function readySession(name = 's'): Promise<BrowserSession> {
  await bench.session(name);
  const session = await bench.phase(name, 'Ready');
  await vi.waitFor(async () => {
    expect((await podOf(session))?.metadata.labels).toMatchObject({ [labels.sessionUid]: session.metadata.uid });
  }, 5_000);
  return session;
}

describe('the pod of a session', () => {
  beforeEach(async () => {
    await bench.pool({ warm: { min: 1, max: 1 } });
    await bench.warm(1);
  });

  it.each<readonly [string, object]>([
    ['the label of its session removed', { labels: { [labels.sessionUid]: null } }],
    ['the label of a session that does not exist', { labels: { [labels.sessionUid]: 'nobody' } }],
    ['the label of its pool removed', { labels: { [labels.pool]: null } }],
    ['the label of another pool', { labels: { [labels.pool]: 'other' } }],
    ['its owner removed', { ownerReferences: null }],
    ['leave to be evicted', { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true' } }],
  ])('that got %s is put right, and the session goes on', async (_what, metadata) => {
    const session = await readySession();
    const before = await podOf(session);
    await bench.store.patch(pods, named(before?.metadata.name ?? ''), { metadata });
    await vi.waitFor(async () => {
      const { labels: mended, annotations, ownerReferences } = (await podOf(session))?.metadata ?? {};
      expect({ labels: mended, annotations, ownerReferences }).toEqual({
        labels: before?.metadata.labels,
        annotations: before?.metadata.annotations,
        ownerReferences: before?.metadata.ownerReferences,
      });
    }, patience);
    await bench.warm(1);
    expect((await bench.phase('s', 'Ready')).status?.sandbox?.podUID).toBe(before?.metadata.uid);
  });

  it("that got another session's label stays with its own, and goes with it alone", async () => {
    const [one, two] = [await readySession('1'), await readySession('2')];
    await bench.store.patch(pods, named(one.status?.sandbox?.podName ?? ''), {
      metadata: { labels: { [labels.sessionUid]: two.metadata.uid } },
    });
    await bench.store.delete(browserSessions, two.metadata);
    await vi.waitFor(async () => expect(await podOf(two)).toBeUndefined(), patience);
    await vi.waitFor(async () => {
      expect((await podOf(one))?.metadata.labels).toMatchObject({ [labels.sessionUid]: one.metadata.uid });
    }, patience);
    await bench.phase('1', 'Ready');
  });

  it('that is deleted by hand ends it', async () => {
    const session = await readySession();
    await bench.store.delete(pods, named(session.status?.sandbox?.podName ?? ''));
    expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('SandboxLost');
  });
});

describe('a warm sandbox', () => {
  beforeEach(() => bench.pool({ warm: { min: 1, max: 1 } }));

  it.each([null, 'other'])('whose pool label was made %j is handed to nobody', async (pool) => {
    await bench.warm(1);
    const [warm] = await bench.pods();
    await bench.store.patch(pods, named(warm?.name ?? ''), { metadata: { labels: { [labels.pool]: pool } } });
    const session = await readySession();
    expect(session.status?.sandbox?.podName).not.toBe(warm?.name);
  });

  it('that is given to nobody by a label is deleted and replaced', async () => {
    await bench.warm(1);
    const [warm] = await bench.pods();
    await bench.store.patch(pods, named(warm?.name ?? ''), { metadata: { labels: { [labels.sessionUid]: 'nobody' } } });
    await vi.waitFor(async () => {
      const left = await bench.pods();
      expect(left).toHaveLength(1);
      expect(left[0]?.name).not.toBe(warm?.name);
    }, patience);
  });
});

describe('the status of a session', () => {
  beforeEach(() => bench.pool({ warm: { min: 1, max: 1 } }));
  const edit = async (status: object): Promise<BrowserSession> => {
    const session = await readySession();
    await bench.store.patchStatus(browserSessions, named('s'), { ...status });
    return session;
  };

  it.each<readonly [string, object]>([
    ['phase', { phase: 'Pending' }],
    ['sandbox', { sandbox: { podUID: 'another' } }],
    ['URL', { cdpUrl: null }],
    ['conditions', { conditions: null }],
    ['whole', { phase: 'Pending', sandbox: null, conditions: null, cdpUrl: null, readyAt: null, admittedAt: null }],
  ])('is written again when its %s was edited, for the same browser', async (_what, status) => {
    const before = await edit(status);
    await vi.waitFor(async () => {
      const { status: mended } = (await bench.store.get(browserSessions, named('s'))) ?? {};
      const { phase, sandbox, cdpUrl, conditions } = before.status ?? {};
      expect(mended).toMatchObject({ phase, sandbox, cdpUrl });
      expect(mended?.conditions?.map((c) => `${c.type} ${c.status}`)).toEqual(
        conditions?.map((c) => `${c.type} ${c.status}`),
      );
    }, patience);
    expect(new Set(bench.agents.bound.values()).size).toBe(1);
  });

  it('ends the session when it says so, and is completed', async () => {
    const session = await edit({ phase: 'Ended' });
    await vi.waitFor(async () => {
      const { status } = (await bench.store.get(browserSessions, named('s'))) ?? {};
      expect(status).toMatchObject({ phase: 'Ended', endReason: 'SandboxLost', endedAt: expect.any(String) as string });
    }, patience);
    await vi.waitFor(async () => expect(await podOf(session)).toBeUndefined(), patience);
  });

  it('that claims the sandbox of another session takes nothing from it', async () => {
    const one = await readySession('1');
    await bench.session('2');
    const two = await bench.phase('2', 'Ready');
    await bench.store.patchStatus(browserSessions, named('2'), { sandbox: { podUID: one.status?.sandbox?.podUID } });
    await vi.waitFor(async () => {
      const { status } = (await bench.store.get(browserSessions, named('2'))) ?? {};
      expect(status?.sandbox?.podUID).toBe(two.status?.sandbox?.podUID);
    }, patience);
    await bench.store.delete(browserSessions, named('2'));
    await vi.waitFor(async () => expect(await podOf(two)).toBeUndefined(), patience);
    expect(await podOf(one)).toBeDefined();
    await bench.phase('1', 'Ready');
  });
});

describe('a pool', () => {
  it('follows when somebody scales it', async () => {
    await bench.pool({ warm: { min: 0, max: 5 } });
    await bench.store.patch(browserPools, named('default'), { spec: { warm: { min: 3 } } });
    await bench.warm(3);
    await bench.store.patch(browserPools, named('default'), { spec: { warm: { min: 1 } } });
    await bench.warm(1);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { patience } from '../../../test/support/patience.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { annotations, apiVersion } from '../../api/v1alpha1/group.ts';
import { secrets } from '../../kube/builtins.ts';
import type { Secret } from '../../lib/kubernetes.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { verifyToken } from '../../lib/signed-token.ts';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  startFakeNode(bench.store, { signal: bench.stop.signal });
  await bench.account();
  await bench.pool({ warm: { min: 0, max: 0 } });
});
afterEach(() => bench[Symbol.asyncDispose]());

const read = (name: string): Promise<Secret | undefined> => bench.store.get(secrets, named(name));
const tokenIn = (secret: Secret | undefined, key: string): string => {
  const url = Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  return new URL(url).searchParams.get('token') ?? '';
};
const foreign = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', data: { uri: 'eA==' } } as const;

describe('a session made without REST', () => {
  it('names a Secret whose tokens open it, as long as it can live', async () => {
    const { metadata } = await bench.session('s');
    const { status } = await bench.phase('s', 'Ready');
    expect(status?.binding).toEqual({ name: 's-binding' });
    const secret = await read('s-binding');
    const lastMs = Date.parse(metadata.creationTimestamp) + 86_399_000;
    for (const [key, scope] of [
      ['uri', 'cdp'],
      ['cdpUrl', 'cdp'],
      ['liveViewUrl', 'live'],
    ] as const) {
      const claims = verifyToken(Buffer.from('token key'), tokenIn(secret, key), lastMs);
      expect(claims).toMatchObject({ subject: metadata.uid, scope });
    }
  });

  it('has its Secret before it says Ready', async () => {
    const seen: (Secret | undefined)[] = [];
    void (async () => {
      for await (const event of bench.store.watch(browserSessions, {
        resourceVersion: '0',
        signal: bench.stop.signal,
      })) {
        if (event.type === 'MODIFIED' && event.object.status?.phase === 'Ready') seen.push(await read('s-binding'));
      }
    })();
    await bench.session('s');
    await vi.waitFor(() => expect(seen).not.toEqual([]), patience);
    expect(seen).not.toContain(undefined);
  });

  it('takes its Secret with it, and not before', async () => {
    await bench.session('s', { maxLifetimeMs: 1_000 });
    await bench.phase('s', 'Ended');
    expect(await read('s-binding')).toBeDefined();
    await bench.store.delete(browserSessions, named('s'));
    await vi.waitFor(async () => expect(await read('s-binding')).toBeUndefined(), patience);
  });

  it('leaves a Secret alone that has the name already', async () => {
    await bench.store.create(secrets, { ...foreign, metadata: named('s-binding') });
    const { metadata } = await bench.session('s');
    const { status } = await bench.phase('s', 'Ready');
    expect(status?.binding?.name).toBe(`s-binding-${metadata.uid.slice(0, 8)}`);
    expect(await read('s-binding')).toMatchObject(foreign);
    const secret = await read(status?.binding?.name ?? '');
    expect(secret?.metadata.ownerReferences).toMatchObject([{ uid: metadata.uid }]);
  });

  it('gets no second one when its status was edited', async () => {
    await bench.session('s');
    await bench.phase('s', 'Ready');
    await bench.store.patchStatus(browserSessions, named('s'), { phase: 'Pending', binding: null });
    const mended = await bench.phase('s', 'Ready');
    expect(mended.status?.binding).toEqual({ name: 's-binding' });
    expect((await bench.store.list(secrets)).items).toHaveLength(1);
  });
});

it('a session whose maker has no use for a Secret gets none', async () => {
  const session = {
    apiVersion,
    kind: 'BrowserSession',
    metadata: { ...named('s'), annotations: { [annotations.binding]: 'none' } },
    spec: { accountRef: { name: 'a' } },
  };
  await bench.store.create(browserSessions, session as unknown as NewObject<BrowserSession>);
  expect((await bench.phase('s', 'Ready')).status).not.toHaveProperty('binding');
  expect((await bench.store.list(secrets)).items).toEqual([]);
});

import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Answer, ApiClient } from '../../../test/support/api-client.ts';
import { startFacadeWorld, type FacadeWorld } from '../../../test/support/facade-world.ts';
import { browserSessions } from '../../api/v1alpha1/browser-session.ts';
import { configMaps } from '../../kube/builtins.ts';

const sessions = '/api/v1/browser/sessions';

let world: FacadeWorld;
beforeEach(async () => void (world = await startFacadeWorld({ createDeadlineMs: 1_000 })));
afterEach(() => world[Symbol.asyncDispose]());

interface Keyed {
  readonly key: string;
  readonly body?: unknown;
  readonly api?: ApiClient;
  readonly signal?: AbortSignal;
}

function post({ key, body, api = world.api, signal }: Keyed): Promise<Answer> {
  return api.call('POST', sessions, body, { headers: { 'idempotency-key': key }, ...(signal ? { signal } : {}) });
}

const replayed = (answer: Answer): string | null => answer.headers.get('idempotency-replayed');

describe('the same key and body again', () => {
  test('get the very same answer, and create nothing', async () => {
    const first = await post({ key: 'a', body: { timeout: 60_000, capabilities: [] } });
    const again = await post({ key: 'a', body: { capabilities: [], timeout: 60_000 } });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect([replayed(first), replayed(again)]).toEqual([null, 'true']);
    expect(again.text).toBe(first.text);
    expect(await world.sessions()).toHaveLength(1);
  });

  test('get the first answer even when the session is over', async () => {
    const first = await post({ key: 'a' });
    await world.api.end(first.session().id);
    const again = await post({ key: 'a', body: {} });
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(await world.sessions()).toEqual([]);
  });

  test('at the same time, on two replicas, make one session', async () => {
    const replica = await world.replica();
    const apis = Array.from({ length: 20 }, (_, i) => (i % 2 ? replica : world.api));
    const answers = await Promise.all(apis.map((api) => post({ key: 'a', api })));
    expect(answers.map((a) => a.status)).toEqual(apis.map(() => 201));
    expect(new Set(answers.map((a) => a.text)).size).toBe(1);
    expect(answers.filter((a) => replayed(a) === null).length).toBeLessThanOrEqual(1);
    expect(await world.sessions()).toHaveLength(1);
  });

  test('keep no secret in the store', async () => {
    const first = await post({ key: 'my-key' });
    const token = new URL(first.session().cdpUrl).searchParams.get('token') ?? '';
    const text = JSON.stringify(await world.records());
    for (const secret of [token, world.api.apiKey, 'my-key']) expect(text).not.toContain(secret);
  });
});

describe('another', () => {
  test('body is a 409 and creates nothing', async () => {
    await post({ key: 'a', body: { timeout: 60_000 } });
    const other = await post({ key: 'a', body: { timeout: 61_000 } });
    expect([other.status, other.problem().code]).toEqual([409, 'idempotency_conflict']);
    expect(await world.sessions()).toHaveLength(1);
  });

  test('body that is malformed is a 400, and forgets nothing', async () => {
    const first = await post({ key: 'a' });
    expect((await post({ key: 'a', body: { timeout: 1 } })).status).toBe(400);
    expect((await post({ key: 'a' })).text).toBe(first.text);
  });

  test('key, and the same key of another account, make other sessions', async () => {
    const answers = [
      await post({ key: 'a' }),
      await post({ key: 'b' }),
      await post({ key: 'a', api: world.as('key-of-other') }),
    ];
    expect(new Set(answers.map((a) => a.session().id)).size).toBe(3);
  });
});

describe('a failure', () => {
  test('forgets the key: a retry retries', async () => {
    world.fate = { ends: 'PoolExhausted' };
    expect((await post({ key: 'a' })).problem().code).toBe('pool_exhausted');
    expect([await world.sessions(), await world.records()]).toEqual([[], []]);
    world.fate = 'ready';
    const retry = await post({ key: 'a' });
    expect([retry.status, replayed(retry)]).toEqual([201, null]);
  });

  test('is told to all who wait for it', async () => {
    world.fate = 'pending';
    const answers = await Promise.all(Array.from({ length: 5 }, () => post({ key: 'a' })));
    expect(answers.map((a) => [a.status, a.problem().code])).toEqual(answers.map(() => [503, 'sandbox_failed']));
    expect([await world.sessions(), await world.records()]).toEqual([[], []]);
  });

  test('leaves nothing when the only client hangs up', async () => {
    world.fate = 'pending';
    const hangUp = new AbortController();
    const gone = post({ key: 'a', signal: hangUp.signal });
    await expect.poll(() => world.sessions()).toHaveLength(1);
    hangUp.abort();
    await expect(gone).rejects.toThrow();
    await expect.poll(async () => [await world.sessions(), await world.records()]).toEqual([[], []]);
  });

  test('of the first client, which hangs up, does not fail its retry', async () => {
    world.fate = 'pending';
    const hangUp = new AbortController();
    const gone = post({ key: 'a', signal: hangUp.signal });
    await expect.poll(() => world.sessions()).toHaveLength(1);
    const retry = post({ key: 'a' });
    await delay(50);
    world.fate = 'ready';
    hangUp.abort();
    await expect(gone).rejects.toThrow();
    expect((await retry).status).toBe(201);
    expect(await world.sessions()).toHaveLength(1);
  });

  test('of a duplicate, which hangs up, takes nothing from the first', async () => {
    world.fate = 'pending';
    const first = post({ key: 'a' });
    await expect.poll(() => world.sessions()).toHaveLength(1);
    const hangUp = new AbortController();
    const duplicate = post({ key: 'a', signal: hangUp.signal });
    setTimeout(() => hangUp.abort(), 50);
    await expect(duplicate).rejects.toThrow();
    const [session] = await world.sessions();
    if (session) await world.settle(session, 'ready');
    expect((await first).session().id).toBe(session?.metadata.uid);
  });
});

describe('a facade that died', () => {
  const leave = async () => {
    // What the record of a facade that died after its first write looks like: taken from one that ends well.
    const first = await post({ key: 'a' });
    const [record] = await world.records();
    if (!record) throw new Error('no record');
    await world.api.end(first.session().id);
    await world.store.patch(configMaps, record.metadata, { data: { facts: null } });
    return { sessionName: record.data?.['sessionName'] ?? '' };
  };

  test('before it created the session, is resolved by the retry', async () => {
    const { sessionName } = await leave();
    const retry = await post({ key: 'a' });
    expect([retry.status, replayed(retry)]).toEqual([201, 'true']);
    expect((await world.sessions()).map((s) => s.metadata.name)).toEqual([sessionName]);
    expect((await post({ key: 'a' })).text).toBe(retry.text);
  });

  test('after it created the session, is resolved by the retry, which takes that one', async () => {
    const { sessionName } = await leave();
    const left = await world.store.create(browserSessions, {
      apiVersion: 'porthole.dev/v1alpha1',
      kind: 'BrowserSession',
      metadata: { name: sessionName, namespace: 'default' },
      spec: { accountRef: { name: 'default' }, onQuotaExceeded: 'Reject' } as never,
    });
    const retry = await post({ key: 'a' });
    expect([retry.status, retry.session().id]).toEqual([201, left.metadata.uid]);
  });
});

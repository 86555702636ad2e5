import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  failed,
  hangUp,
  json,
  silence,
  startFakeApiServer,
  stream,
  type FakeApiServer,
} from '../../../test/support/fake-api-server.ts';
import { silentLogger } from '../../../test/support/fakes.ts';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { configMaps, nodes, pods } from '../builtins.ts';
import { createInformer } from '../controller/informer.ts';
import { isStoreError } from '../store-error.ts';
import type { WatchEvent } from '../store.ts';
import { createApiServerStore, type ApiServerStore } from './api-server-store.ts';
import type { ApiAttempt } from './hooks.ts';

const key = { namespace: 'here', name: 'a' };
const metadata = { ...key, uid: 'u1', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' };
const stored = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
const fresh = { apiVersion: 'v1', kind: 'ConfigMap', metadata: key };

interface Widget extends StoredObject {
  readonly status?: object;
}
const widgets: Resource<Widget> = {
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  plural: 'widgets',
  hasStatus: true,
};
const widget = (uid: string, resourceVersion: string) => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { ...metadata, uid, resourceVersion },
});

let server: FakeApiServer;
let clock: SteppedClock;
let store: ApiServerStore;
let attempts: ApiAttempt[];
beforeEach(async () => {
  server = await startFakeApiServer();
  clock = createSteppedClock();
  attempts = [];
  const hooks = { onAttempt: (attempt: ApiAttempt) => void attempts.push(attempt) };
  store = createApiServerStore({ access: server.access, fieldManager: 'tester', clock, logger: silentLogger, hooks });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Moves time on until `work` is done: what comes over a socket comes in its own time. */
async function inTime<T>(work: Promise<T>, stepMs = 100): Promise<T> {
  const state = { isDone: false };
  const done = work.finally(() => (state.isDone = true));
  done.catch(() => undefined);
  while (!state.isDone) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await clock.step(stepMs);
  }
  return done;
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    return `nothing failed: ${JSON.stringify(await inTime(work))}`;
  } catch (error) {
    if (isStoreError(error)) return error.reason;
    throw error;
  }
}

describe('what is asked of the server', () => {
  const configMapsHere = '/api/v1/namespaces/here/configmaps';
  const manager = { fieldManager: 'tester' };
  const merge = 'application/merge-patch+json';
  const asked = async (work: Promise<unknown>): Promise<object> => {
    await work;
    const [request] = server.requests;
    if (!request) throw new Error('nothing was asked');
    const { method, path, query, headers, body } = request;
    const type = headers['content-type'];
    return { method, path, query, ...(type && { type }), ...(body && { body: JSON.parse(body) as unknown }) };
  };

  it('to get an object', async () => {
    server.answer(json(200, stored));
    const expected = { method: 'GET', path: `${configMapsHere}/a`, query: {} };
    expect(await asked(store.get(configMaps, key))).toEqual(expected);
  });

  it('to create one, without the status that is given', async () => {
    server.answer(json(201, { ...stored, kind: 'Node', metadata: { ...metadata, namespace: undefined } }));
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a', namespace: '' }, spec: {} };
    const given = { ...node, status: { phase: 'Running' } } as typeof node;
    const expected = { method: 'POST', path: '/api/v1/nodes', query: manager, type: 'application/json', body: node };
    expect(await asked(store.create(nodes, given))).toEqual(expected);
  });

  it('to replace one', async () => {
    server.answer(json(200, stored));
    const expected = { method: 'PUT', path: `${configMapsHere}/a`, query: manager, type: 'application/json' };
    expect(await asked(store.update(configMaps, stored))).toEqual({ ...expected, body: stored });
  });

  it('to patch one, with what is expected of it inside of the patch', async () => {
    server.answer(json(200, stored));
    const patch = { metadata: { labels: { a: null } }, data: { b: 'c' } };
    const body = { metadata: { labels: { a: null }, uid: 'u1', resourceVersion: '7' }, data: { b: 'c' } };
    expect(await asked(store.patch(configMaps, key, patch, { uid: 'u1', resourceVersion: '7' }))).toEqual({
      ...{ method: 'PATCH', path: `${configMapsHere}/a`, query: manager, type: merge, body },
    });
  });

  it('to patch a status', async () => {
    server.answer(json(200, { ...stored, kind: 'Pod' }));
    const body = { metadata: { uid: 'u1' }, status: { phase: 'Running', reason: null } };
    expect(await asked(store.patchStatus(pods, key, body.status, { uid: 'u1' }))).toEqual({
      ...{ method: 'PATCH', path: '/api/v1/namespaces/here/pods/a/status', query: manager, type: merge, body },
    });
  });

  it('to apply one', async () => {
    server.answer(json(200, stored));
    const query = { fieldManager: 'someone', force: 'true' };
    const type = 'application/apply-patch+yaml';
    expect(await asked(store.apply(configMaps, fresh, { fieldManager: 'someone' }))).toEqual({
      ...{ method: 'PATCH', path: `${configMapsHere}/a`, query, type, body: fresh },
    });
  });

  it('to delete one', async () => {
    server.answer(json(200, { kind: 'Status', status: 'Success' }));
    const work = store.delete(configMaps, key, { uid: 'u1', gracePeriodSeconds: 0 });
    const rest = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', gracePeriodSeconds: 0 };
    expect(await asked(work)).toMatchObject({ method: 'DELETE', body: { ...rest, preconditions: { uid: 'u1' } } });
  });

  it('over one connection, a deletion too', async () => {
    for (let i = 0; i < 3; i += 1) {
      server.answer(json(200, { kind: 'Status', status: 'Success' }));
      await store.delete(configMaps, key, { uid: 'u1' });
    }
    expect(server.requests.map(({ headers }) => headers.connection)).toEqual([
      'keep-alive',
      'keep-alive',
      'keep-alive',
    ]);
  });

  it('to list some of all namespaces', async () => {
    server.answer(json(200, { metadata: { resourceVersion: '9' }, items: [] }));
    const selectors = { labels: { a: 'b', c: 'd' }, fields: { 'spec.x': 'one,two' } };
    const query = { labelSelector: 'a=b,c=d', fieldSelector: 'spec.x=one\\,two', limit: '500' };
    expect(await asked(store.list(widgets, selectors))).toEqual({
      ...{ method: 'GET', path: '/apis/example.com/v1/widgets', query },
    });
  });

  it('never by another name than the one that is meant', async () => {
    for (const name of ['', '.', '..']) {
      expect(await reasonOf(store.get(configMaps, { ...key, name }))).toBe('Invalid');
      expect(await reasonOf(store.delete(configMaps, { ...key, name }))).toBe('Invalid');
    }
    expect(await reasonOf(store.create(configMaps, { ...fresh, metadata: { ...key, namespace: '' } }))).toBe('Invalid');
    server.answer(failed(404, 'NotFound', { details: { name: '../secrets/b' } }));
    expect(await store.get(configMaps, { ...key, name: '../secrets/b' })).toBeUndefined();
    expect(server.requests.map(({ path }) => path)).toEqual([`${configMapsHere}/..%2Fsecrets%2Fb`]);
  });

  it('as somebody', async () => {
    server.answer(json(200, stored));
    await store.get(configMaps, key);
    expect(server.requests[0]?.headers).toMatchObject({ authorization: 'Bearer token-0', 'user-agent': 'tester' });
  });
});

describe('what the server says', () => {
  it('is an object without managedFields, and with what its kind leaves out', async () => {
    const { apiVersion: _a, kind: _k, ...bare } = stored;
    const item = {
      ...bare,
      metadata: { name: 'n', uid: 'u', resourceVersion: '1', managedFields: [{ manager: 'x' }] },
    };
    server.answer(json(200, { metadata: { resourceVersion: '9' }, items: [item] }));
    const { items, resourceVersion } = await store.list(nodes);
    const expected = { name: 'n', namespace: '', uid: 'u', resourceVersion: '1' };
    expect(items).toStrictEqual([{ apiVersion: 'v1', kind: 'Node', metadata: expected }]);
    expect(resourceVersion).toBe('9');
  });

  it('is nothing of a kind that it does not know', async () => {
    server.answer((_, response) => response.writeHead(404).end('404 page not found'));
    expect(await reasonOf(store.get(widgets, key))).toBe('NotFound');
  });

  it.each([
    ['no JSON', '<html>'],
    ['no object', '42'],
    ['an object of no kind', '{}'],
  ])('may be %s, when something else answers in its place', async (_, text) => {
    server.answer((_request, response) => response.end(text), json(200, []));
    expect(await reasonOf(store.get(configMaps, key))).toBe('Unavailable');
    expect(await reasonOf(store.list(configMaps))).toBe('Unavailable');
  });
});

describe('patience', () => {
  const codes = (): string[] => attempts.map(({ code }) => code);

  it('waits as long as a busy server asks for, whatever was to be done', async () => {
    server.answer(failed(429, 'TooManyRequests', { retryAfter: '3' }), json(201, stored));
    const startMs = clock.now();
    expect(await inTime(store.create(configMaps, fresh))).toMatchObject(stored);
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(3_000);
    expect(attempts.map(({ code, isRetry }) => [code, isRetry])).toEqual([
      ['429', false],
      ['201', true],
    ]);
  });

  it('ends when a server is busy for too long', async () => {
    server.answer(...Array.from({ length: 12 }, () => failed(429, 'TooManyRequests', { retryAfter: '5' })));
    expect(await reasonOf(store.create(configMaps, fresh))).toBe('TooManyRequests');
    expect(codes().length).toBeGreaterThan(3);
  });

  it('sends nothing that it meant to send long ago, as a process does that was stopped meanwhile', async () => {
    server.answer(failed(429, 'TooManyRequests', { retryAfter: '1' }), json(201, stored));
    let stoppedMs = 0;
    const resumed = { ...clock, monotonic: () => clock.monotonic() + stoppedMs };
    const { access } = server;
    await using paused = createApiServerStore({ access, fieldManager: 'x', clock: resumed, logger: silentLogger });
    const reason = reasonOf(paused.create(configMaps, fresh));
    while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    stoppedMs = 60_000;
    expect(await reason).toBe('TooManyRequests');
    expect(server.requests).toHaveLength(1);
  });

  it('repeats what only reads when the server fails', async () => {
    server.answer(failed(500, 'InternalError'), failed(503, 'ServiceUnavailable'), json(200, stored));
    expect(await inTime(store.get(configMaps, key))).toMatchObject(stored);
    expect(codes()).toEqual(['500', '503', '200']);
  });

  it('repeats no write that the server has failed at', async () => {
    server.answer(failed(500, 'InternalError'));
    expect(await reasonOf(store.create(configMaps, fresh))).toBe('Unavailable');
    expect(server.requests).toHaveLength(1);
  });

  it('repeats a read that was hung up on, and an apply, and a deletion of one uid', async () => {
    server.answer(hangUp, json(200, stored));
    expect(await inTime(store.get(configMaps, key))).toMatchObject(stored);
    server.answer(hangUp, json(200, stored));
    expect(await inTime(store.apply(configMaps, fresh, { fieldManager: 'x' }))).toMatchObject(stored);
    server.answer(hangUp, json(200, {}));
    await inTime(store.delete(configMaps, key, { uid: 'u1' }));
    expect(codes()).toEqual(['<error>', '200', '<error>', '200', '<error>', '200']);
  });

  it('repeats no write that may have been carried out', async () => {
    for (const write of [
      () => store.create(configMaps, fresh),
      () => store.update(configMaps, stored),
      () => store.patch(configMaps, key, {}),
      () => store.delete(configMaps, key),
    ]) {
      server.answer(hangUp);
      expect(await reasonOf(write())).toBe('Unavailable');
    }
    expect(server.requests).toHaveLength(4);
  });

  it('repeats a write that has reached nobody', async () => {
    const { port } = new URL(server.access.server);
    await server[Symbol.asyncDispose]();
    const writing = inTime(store.create(configMaps, fresh), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    server = await startFakeApiServer({ port: Number(port) });
    server.answer(json(201, stored));
    expect(await writing).toMatchObject(stored);
    expect(codes()[0]).toBe('<error>');
  });

  it('ends when there is no server', async () => {
    await server[Symbol.asyncDispose]();
    expect(await reasonOf(store.create(configMaps, fresh))).toBe('Unavailable');
    server = await startFakeApiServer();
  });

  it('renews credentials that are refused, once', async () => {
    server.answer(failed(401, 'Unauthorized'), json(200, stored));
    expect(await store.get(configMaps, key)).toMatchObject(stored);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-0', 'Bearer token-1']);
    server.answer(failed(401, 'Unauthorized'), failed(401, 'Unauthorized'));
    expect(await reasonOf(store.get(configMaps, key))).toBe('Forbidden');
    expect(server.renewals).toBe(2);
  });

  it('takes credentials that cannot be read for a server that is not there', async () => {
    const access = { ...server.access, headers: () => Promise.reject(new Error('no such file')) };
    await using other = createApiServerStore({ access, fieldManager: 'x', clock, logger: silentLogger });
    expect(await reasonOf(other.get(configMaps, key))).toBe('Unavailable');
  });
});

describe('a list in pages', () => {
  const page = (names: readonly string[], next?: string) =>
    json(200, {
      metadata: { resourceVersion: '9', ...(next && { continue: next }) },
      items: names.map((name) => ({ metadata: { ...metadata, name } })),
    });
  const listed = async (): Promise<string[]> =>
    (await inTime(store.list(configMaps))).items.map(({ metadata: { name } }) => name);

  it('is put together', async () => {
    server.answer(page(['a', 'b'], 'x/y'), page(['c'], 'z'), page([]));
    expect(await listed()).toEqual(['a', 'b', 'c']);
    expect(server.requests.map(({ query }) => query['continue'])).toEqual([undefined, 'x/y', 'z']);
  });

  it('begins anew when its pages have expired, and asks for all at once in the end', async () => {
    const expired = failed(410, 'Expired');
    server.answer(page(['a'], 'x'), expired, page(['a'], 'y'), expired, page(['a', 'b']));
    expect(await listed()).toEqual(['a', 'b']);
    expect(server.requests.map(({ query }) => query['limit'])).toEqual(['500', '500', '500', '500', undefined]);
  });
});

describe('the status of a custom resource', () => {
  it('is patched at the version that came by last, when a uid is expected', async () => {
    server.answer(json(201, widget('u1', '9')), json(200, widget('u1', '10')), json(200, widget('u1', '11')));
    await store.create(widgets, { ...fresh, ...{ apiVersion: 'example.com/v1', kind: 'Widget' } });
    await store.patchStatus(widgets, key, { a: 1 }, { uid: 'u1' });
    await store.patchStatus(widgets, key, { a: 2 }, { uid: 'u1' });
    const bodies = server.requests.slice(1).map(({ body }) => JSON.parse(body) as unknown);
    expect(bodies).toEqual([
      { status: { a: 1 }, metadata: { resourceVersion: '9' } },
      { status: { a: 2 }, metadata: { resourceVersion: '10' } },
    ]);
  });

  it('is patched again when another writer was faster, but not when another object has taken the name', async () => {
    const conflict = failed(409, 'Conflict');
    server.answer(json(200, widget('u1', '9')), conflict, json(200, widget('u1', '12')), json(200, widget('u1', '13')));
    expect(await store.patchStatus(widgets, key, { a: 1 }, { uid: 'u1' })).toMatchObject(widget('u1', '13'));
    server.answer(conflict, json(200, widget('u2', '20')));
    expect(await reasonOf(store.patchStatus(widgets, key, { a: 2 }, { uid: 'u1' }))).toBe('Conflict');
    server.answer((request, response) => {
      void clock.step(6_000).then(() => {
        conflict(request, response);
      });
    });
    expect(await reasonOf(store.patchStatus(widgets, key, { a: 2 }, { uid: 'u2' }))).toBe('Conflict');
    expect(server.requests.at(-1)?.method).toBe('PATCH');
    server.answer(failed(404, 'NotFound', { details: { name: 'a' } }));
    expect(await reasonOf(store.patchStatus(widgets, key, { a: 2 }, { uid: 'u3' }))).toBe('NotFound');
  });
});

describe('a watch', () => {
  const event = (type: string, resourceVersion: string, more = {}): string =>
    `${JSON.stringify({ type, object: { ...stored, ...more, metadata: { ...metadata, resourceVersion } } })}\n`;
  const abort = (): AbortController => new AbortController();
  const watch = (signal: AbortSignal = abort().signal): AsyncIterable<WatchEvent<StoredObject>> =>
    store.watch(configMaps, { namespace: 'here', resourceVersion: '7', signal });
  const told = (e: WatchEvent<StoredObject>): string =>
    `${e.type} ${e.type === 'BOOKMARK' ? e.resourceVersion : e.object.metadata.resourceVersion}`;
  const follow = async (watched = watch(), seen: string[] = []): Promise<string[]> => {
    for await (const one of watched) seen.push(told(one));
    return seen;
  };

  it('asks for bookmarks, and for an end in a few minutes', async () => {
    server.answer(stream((response) => response.end()));
    await follow();
    const { timeoutSeconds, ...query } = server.requests[0]?.query ?? {};
    expect(query).toEqual({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: '7' });
    expect(Number(timeoutSeconds)).toBeGreaterThanOrEqual(240);
    expect(Number(timeoutSeconds)).toBeLessThanOrEqual(480);
  });

  it('tells what comes until the server ends it', async () => {
    const lines = [event('ADDED', '8'), event('MODIFIED', '9'), event('BOOKMARK', '12'), event('DELETED', '13')];
    server.answer(stream((response) => response.end(lines.join(''))));
    expect(await follow()).toEqual(['ADDED 8', 'MODIFIED 9', 'BOOKMARK 12', 'DELETED 13']);
  });

  it('puts big objects together from their pieces, and letters too', async () => {
    const data = { text: 'ä€😀\n'.repeat(100_000) };
    const bytes = Buffer.from(event('ADDED', '8', { data }) + event('ADDED', '9', { data }));
    server.answer(
      stream((response) => {
        const send = (from: number): void => {
          if (from >= bytes.length) response.end();
          else response.write(bytes.subarray(from, from + 10_007), () => send(from + 10_007));
        };
        send(0);
      }),
    );
    const seen: unknown[] = [];
    for await (const one of watch()) if (one.type !== 'BOOKMARK') seen.push((one.object as { data?: unknown }).data);
    expect(seen).toEqual([data, data]);
  });

  it('is over when its connection is cut, the last half line left out', async () => {
    const half = event('ADDED', '9').slice(0, 50);
    server.answer(
      stream((response) => response.write(event('ADDED', '8') + half, () => setImmediate(() => response.destroy()))),
    );
    expect(await follow()).toEqual(['ADDED 8']);
  });

  it('says that its version has expired, whether at once or later', async () => {
    const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
    server.answer(failed(410, 'Gone'));
    expect(await reasonOf(follow())).toBe('Expired');
    server.answer(stream((response) => response.end(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`)));
    expect(await reasonOf(follow())).toBe('Expired');
    const tooLarge = { details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } };
    server.answer(failed(504, 'Timeout', tooLarge));
    expect(await reasonOf(follow())).toBe('Expired');
  });

  it.each(['nonsense\n', '{"type":"ADDED"}\n', '{"type":"ERROR","object":{}}\n', 'null\n', '{}\n'])(
    'fails on a line of %j',
    async (line) => {
      server.answer(stream((response) => response.write(event('ADDED', '8') + line)));
      const seen: string[] = [];
      expect(await reasonOf(follow(watch(), seen).then(() => seen))).toBe('Unavailable');
      expect(seen).toEqual(['ADDED 8']);
    },
  );

  it('waits for a server that is busy', async () => {
    server.answer(
      failed(429, 'TooManyRequests', { retryAfter: '2' }),
      stream((response) => response.end()),
    );
    expect(await inTime(follow())).toEqual([]);
    expect(server.requests).toHaveLength(2);
  });

  it('fails at once when the server fails, and when there is no server: its reader has a patience of its own', async () => {
    server.answer(failed(500, 'InternalError'));
    expect(await reasonOf(follow())).toBe('Unavailable');
    expect(server.requests).toHaveLength(1);
    server.answer(hangUp);
    expect(await reasonOf(follow())).toBe('Unavailable');
    expect(server.requests).toHaveLength(2);
  });

  it('fails on a server that is silent for too long, and on no other', async () => {
    let response: ServerResponse | undefined;
    server.answer(stream((opened) => (response = opened)));
    const seen: string[] = [];
    const reason = reasonOfStepped(follow(watch(), seen));
    const heard = async (count: number): Promise<void> => {
      while (seen.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    while (!response) await new Promise((resolve) => setTimeout(resolve, 1));
    for (const version of ['8', '9']) {
      await clock.step(149_000);
      response.write(event('BOOKMARK', version));
      await heard(seen.length + 1);
    }
    await clock.step(149_000);
    expect(seen).toEqual(['BOOKMARK 8', 'BOOKMARK 9']);
    await clock.step(2_000);
    expect(await reason).toBe('Unavailable');
  });

  it('ends when it is aborted: before it is open, while it is, and between two events', async () => {
    const before = abort();
    server.answer(silence);
    const opening = follow(watch(before.signal));
    while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    before.abort();
    expect(await opening).toEqual([]);
    const during = abort();
    server.answer(stream((response) => response.write(event('ADDED', '8') + event('ADDED', '9'))));
    const seen: string[] = [];
    for await (const one of watch(during.signal)) {
      seen.push(told(one));
      during.abort();
    }
    expect(seen).toEqual(['ADDED 8']);
  });

  it('gives its connection up when its reader leaves', async () => {
    const closed = Promise.withResolvers<undefined>();
    server.answer(
      stream((response) => {
        response.on('close', () => closed.resolve(undefined));
        response.write(event('ADDED', '8'));
      }),
    );
    for await (const _ of watch()) break;
    await closed.promise;
  });

  it('lets a server wait that is faster than its reader', async () => {
    const count = 20_000;
    server.answer(
      stream((response) => response.end(Array.from({ length: count }, (_, i) => event('ADDED', `${i}`)).join(''))),
    );
    let seen = 0;
    for await (const _ of watch()) if (++seen % 1_000 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(seen).toBe(count);
  });

  async function reasonOfStepped(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => 'nothing failed',
      (error: unknown) => (isStoreError(error) ? error.reason : String(error)),
    );
  }
});

describe('an informer over it', () => {
  const item = (name: string) => ({ ...stored, metadata: { ...metadata, name, uid: name } });
  const list = (resourceVersion: string, ...names: string[]) =>
    json(200, { metadata: { resourceVersion }, items: names.map(item) });
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.step(100);
    }
  };

  it('goes on where a cut watch was, and lists again at once when that has expired', async () => {
    const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } };
    const added = {
      type: 'ADDED',
      object: { ...item('b'), metadata: { ...item('b').metadata, resourceVersion: '12' } },
    };
    const cut = stream((response) =>
      response.write(`${JSON.stringify(added)}\n`, () => setTimeout(() => response.destroy(), 20)),
    );
    const refusing = stream((response) => response.end(`${JSON.stringify(expired)}\n`));
    server.answer(list('9', 'a'), cut, refusing, list('20', 'c'), silence);
    const stop = new AbortController();
    const informer = createInformer(store, configMaps, { clock, logger: silentLogger, signal: stop.signal });
    const changes: string[] = [];
    informer.onChange(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
    await until(() => server.requests.length === 5);
    stop.abort();
    expect(changes).toEqual(['added a', 'added b', 'deleted a', 'deleted b', 'added c']);
    expect(server.requests.map(({ query }) => (query['watch'] ? `watch ${query['resourceVersion']}` : 'list'))).toEqual(
      [...['list', 'watch 9', 'watch 12', 'list', 'watch 20']],
    );
  });
});

describe('disposing', () => {
  it('breaks off calls, ends watches, and is the end', async () => {
    server.answer(
      silence,
      stream(() => undefined),
    );
    const call = reasonOf(store.get(configMaps, key));
    while (server.requests.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    const { signal } = new AbortController();
    const iterator = store.watch(configMaps, { resourceVersion: '1', signal })[Symbol.asyncIterator]();
    const next = iterator.next();
    while (server.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await store[Symbol.asyncDispose]();
    expect(await call).toBe('Unavailable');
    expect((await next).done).toBe(true);
    expect(await reasonOf(store.get(configMaps, key))).toBe('Unavailable');
  });
});

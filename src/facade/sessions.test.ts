import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFacadeWorld, tokenKey, type FacadeWorld } from '../../test/support/facade-world.ts';
import { sessionList, sessionView, sessionWithPages, liveViewLink } from '../api/rest/session.ts';
import { browserSessions } from '../api/v1alpha1/browser-session.ts';
import { apiVersion } from '../api/v1alpha1/group.ts';
import { verifyToken } from '../lib/signed-token.ts';
import { SandboxError } from '../sandbox/port.ts';

const sessions = '/api/v1/browser/sessions';

let world: FacadeWorld;
beforeEach(async () => void (world = await startFacadeWorld({ createDeadlineMs: 1_500 })));
afterEach(() => world[Symbol.asyncDispose]());

/** Each session that was answered is told to its sandbox, right after the answer. */
const confirmed = (touches = 1) => expect.poll(() => world.agents.touches).toBe(touches);

function claimsOf(url: string) {
  return verifyToken(tokenKey, new URL(url).searchParams.get('token') ?? '', Date.now());
}

describe('POST /browser/sessions', () => {
  test('answers 201 with exactly the fields of the contract', async () => {
    const before = Date.now();
    const answer = await world.api.call('POST', sessions, { timeout: 60_000 });
    expect(answer.status).toBe(201);
    const view = sessionView.parse(answer.json());
    expect(view).toMatchObject({ status: 'ready', capabilities: [], extensions: [] });
    expect(view.createdAt).toBeGreaterThanOrEqual(before);
    expect(view.expiresAt).toBeGreaterThanOrEqual(before + 60_000);
    expect(view.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(view.cdpUrl).toMatch(new RegExp(`^ws://cdp\\.test/sessions/${view.id}\\?token=`));
    expect(view.liveViewUrl).toMatch(new RegExp(`^http://live\\.test/live/${view.id}\\?token=`));
    expect(claimsOf(view.cdpUrl)).toMatchObject({ subject: view.id, scope: 'cdp' });
    expect(claimsOf(view.liveViewUrl)).toMatchObject({ subject: view.id, scope: 'live' });
    expect(claimsOf(view.cdpUrl)?.expiresAtMs).toBeGreaterThanOrEqual(view.createdAt + 86_400_000);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('tells the sandbox of each session that somebody was given it, and asks for its end otherwise', async () => {
    await world.api.create();
    await confirmed(1);
    const options = { headers: { 'idempotency-key': 'a' } };
    for (const _ of [1, 2]) await world.api.call('POST', sessions, {}, options);
    await confirmed(2);
    for (const { metadata } of await world.sessions())
      expect(metadata.annotations).toEqual({ 'porthole.dev/binding': 'none', 'porthole.dev/use-within-ms': '15000' });
  });

  test('writes the object that the operator needs', async () => {
    const { id } = await world.api.create({ timeout: 60_000 });
    const [session] = await world.sessions();
    expect(session?.metadata).toMatchObject({ uid: id, labels: { 'porthole.dev/account': 'default' } });
    expect(session?.spec).toMatchObject({
      accountRef: { name: 'default' },
      idleTimeoutMs: 60_000,
      onQuotaExceeded: 'Reject',
    });
  });

  test.each<[string, { body?: string; headers?: Record<string, string> }]>([
    ['nothing at all', {}],
    ['no bytes, called a form', { body: '', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['no bytes, called JSON', { body: '', headers: { 'content-type': 'application/json' } }],
    ['an empty object', { body: '{}', headers: { 'content-type': 'application/json' } }],
  ])('takes as a body %s', async (_what, init) => {
    const headers = { authorization: `bearer ${world.api.apiKey}`, ...init.headers };
    const response = await fetch(`${world.url}/browser/sessions`, { method: 'POST', ...init, headers });
    expect(response.status).toBe(201);
    const [session] = await world.sessions();
    expect(session?.spec.idleTimeoutMs).toBe(900_000);
  });

  test.each([
    [{ ends: 'ConcurrencyLimitReached', quota: { limit: 2, current: 2 } }, 'concurrency_limit_reached'],
    [{ ends: 'PoolExhausted' }, 'pool_exhausted'],
    [{ ends: 'SandboxFailed' }, 'sandbox_failed'],
    [{ ends: 'BrowserCrashed' }, 'sandbox_failed'],
    [{ ends: 'PoolNotFound' }, 'sandbox_failed'],
    [{ ends: 'CapabilityUnavailable' }, 'sandbox_failed'],
    ['pending', 'sandbox_failed'],
  ] as const)('a session that is %j is a 503 %s, and nothing is left when it is sent', async (fate, code) => {
    world.fate = fate;
    const answer = await world.api.call('POST', sessions);
    expect(await world.sessions()).toEqual([]);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    const problem = answer.problem();
    expect(problem.code).toBe(code);
    if (code === 'concurrency_limit_reached') expect(problem).toMatchObject({ limit: 2, current: 2 });
    else expect(problem).not.toHaveProperty('limit');
    expect(await world.api.list()).toEqual([]);
  });

  test('a capability that the account may not use is a 400 that says which it may', async () => {
    await using strict = await startFacadeWorld({ limits: { capabilities: ['stealth'] } });
    const answer = await strict.api.call('POST', sessions, { capabilities: ['stealth', 'recording'] });
    expect([answer.status, answer.problem().code]).toEqual([400, 'invalid_request']);
    expect(answer.problem().details).toEqual([{ path: 'capabilities.1', message: 'this account may use stealth' }]);
    expect(await strict.sessions()).toEqual([]);
  });

  test('a session that is deleted while its POST waits is a 503', async () => {
    world.fate = 'pending';
    const post = world.api.call('POST', sessions);
    const [waiting] = await expect
      .poll(() => world.api.list())
      .toHaveLength(1)
      .then(() => world.api.list());
    expect(waiting?.status).toBe('pending');
    await world.api.end(waiting?.id ?? '');
    expect((await post).problem().code).toBe('sandbox_failed');
  });

  test('a client that hangs up leaves nothing behind', async () => {
    world.fate = 'pending';
    const hangUp = new AbortController();
    const post = world.api.call('POST', sessions, {}, { signal: hangUp.signal });
    await expect.poll(() => world.sessions()).toHaveLength(1);
    hangUp.abort();
    await expect(post).rejects.toThrow();
    await expect.poll(() => world.sessions()).toEqual([]);
    await expect.poll(() => world.log.at(-1)).toMatchObject({ status: 499, account: 'default' });
    expect(await world.registry.metrics()).toContain('porthole_sessions_created_total{result="client_gone"} 1');
  });

  test('a shutdown ends the waiting POSTs with a 503 and leaves nothing behind', async () => {
    world.fate = 'pending';
    const post = world.api.call('POST', sessions);
    await expect.poll(() => world.sessions()).toHaveLength(1);
    await world.stopFacade();
    expect((await post).problem()).toMatchObject({ code: 'sandbox_failed' });
    expect(await world.sessions()).toEqual([]);
  });

  test('a shutdown waits for what a client that hung up has left to be done', async () => {
    world.fate = 'pending';
    const hangUp = new AbortController();
    const post = world.api.call('POST', sessions, {}, { signal: hangUp.signal });
    await expect.poll(() => world.sessions()).toHaveLength(1);
    hangUp.abort();
    await expect(post).rejects.toThrow();
    await world.stopFacade();
    expect(await world.sessions()).toEqual([]);
  });

  test('fifty at once each get their own', async () => {
    const made = await Promise.all(Array.from({ length: 50 }, () => world.api.create()));
    expect(new Set(made.map((s) => s.id)).size).toBe(50);
    expect((await world.api.list()).map((s) => s.id).sort()).toEqual(made.map((s) => s.id).sort());
  });
});

describe('an account', () => {
  test('with a lower cap gets it as the default timeout, and its first pool', async () => {
    await using strict = await startFacadeWorld({ limits: { maxIdleTimeoutMs: 5_000, pools: ['gpu', 'other'] } });
    await strict.api.create();
    const [session] = await strict.sessions();
    expect(session?.spec).toMatchObject({ idleTimeoutMs: 5_000, poolRef: { name: 'gpu' } });
  });

  test('sees its own sessions and nobody else', async () => {
    const { id } = await world.api.create();
    const other = world.as('key-of-other');
    expect(await other.list()).toEqual([]);
    for (const [method, suffix] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/live-view'],
      ['POST', '/keep-alive'],
    ] as const) {
      const real = await other.call(method, `${sessions}/${id}${suffix}`);
      const invented = await other.call(method, `${sessions}/5f0c6a80-9d5c-4a34-9c0e-0a6d4f1f2b11${suffix}`);
      expect(real.status).toBe(404);
      expect(real.problem().message).toBe(invented.problem().message);
    }
    expect(await world.api.statusOf(id)).toBe(200);
  });
});

describe('reading', () => {
  test('the list is oldest first and holds live sessions only', async () => {
    const first = await world.api.create();
    await delay(2);
    const second = await world.api.create();
    await delay(2);
    const third = await world.api.create();
    const ended = (await world.sessions()).find((s) => s.metadata.uid === second.id);
    if (ended) await world.settle(ended, { ends: 'IdleTimeout' });
    await expect.poll(() => world.api.statusOf(second.id)).toBe(404);
    const answer = await world.api.call('GET', sessions);
    expect(sessionList.parse(answer.json()).sessions.map((s) => s.id)).toEqual([first.id, third.id]);
    expect((await world.api.call('DELETE', `${sessions}/${second.id}`)).status).toBe(404);
  });

  test('a session has pages, and the same URLs as before', async () => {
    const made = await world.api.create();
    const view = sessionWithPages.parse((await world.api.call('GET', `${sessions}/${made.id}`)).json());
    expect(view.pages).toEqual([{ pageId: 'P1', url: 'about:blank', title: '', active: true }]);
    expect(view).toMatchObject({ cdpUrl: made.cdpUrl, liveViewUrl: made.liveViewUrl, createdAt: made.createdAt });
  });

  test('expiresAt stands still while nothing happens, and tells how long the browser was idle', async () => {
    const made = await world.api.create({ timeout: 60_000 });
    await confirmed();
    await delay(20);
    world.agents.idleForMs = 20;
    expect((await world.api.read(made.id)).expiresAt).toBe(made.expiresAt);
    expect((await world.api.list())[0]?.expiresAt).toBe(made.expiresAt);
    world.agents.idleForMs = 30_000;
    const { expiresAt } = await world.api.read(made.id);
    expect(Math.abs(expiresAt - (Date.now() + 30_000))).toBeLessThan(500);
  });

  test('a sandbox that does not answer fails no read: recorded expiry, no pages', async () => {
    const made = await world.api.create({ timeout: 60_000 });
    await confirmed();
    world.agents.answering = false;
    expect(await world.api.read(made.id)).toMatchObject({ expiresAt: made.expiresAt, pages: [] });
    expect(world.log.filter((line) => line['msg'] === 'sandbox did not answer a read')).toHaveLength(2);
  });

  test('a sandbox that never answers is waited for half a second', async () => {
    const made = await world.api.create();
    const asked = (_: unknown, signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new SandboxError('unreachable', 'too late')));
      });
    world.agents.status = asked;
    world.agents.pages = asked;
    const started = performance.now();
    expect((await world.api.read(made.id)).pages).toEqual([]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('a session that still starts has no pages and counts from its creation', async () => {
    const spec = { accountRef: { name: 'default' }, idleTimeoutMs: 60_000 };
    const metadata = { name: 'by-kubectl', namespace: 'default' };
    world.fate = 'pending';
    const made = await world.store.create(browserSessions, {
      apiVersion,
      kind: 'BrowserSession',
      metadata,
      spec: spec as never,
    });
    const { uid } = made.metadata;
    await expect.poll(() => world.api.statusOf(uid)).toBe(200);
    const view = await world.api.read(uid);
    expect(view).toMatchObject({ status: 'pending', pages: [], expiresAt: view.createdAt + 60_000 });
    await world.store.patchStatus(browserSessions, metadata, { phase: 'Starting' });
    await expect.poll(async () => (await world.api.read(uid)).status).toBe('starting');
    expect((await world.api.call('POST', `${sessions}/${uid}/keep-alive`)).status).toBe(200);
    expect(world.agents.touches).toBe(0);
    await world.api.end(uid);
  });

  test('HEAD answers as GET does, without a body', async () => {
    const headers = { authorization: `Bearer ${world.api.apiKey}` };
    const response = await fetch(`${world.url}${sessions}`, { method: 'HEAD', headers });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('OPTIONS tells the methods', async () => {
    const response = await fetch(`${world.url}${sessions}`, { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'POST, GET, HEAD, OPTIONS']);
  });
});

describe('DELETE', () => {
  test('is 204, then 404; of ten at once exactly one is 204', async () => {
    const { id } = await world.api.create();
    const answers = await Promise.all(Array.from({ length: 10 }, () => world.api.call('DELETE', `${sessions}/${id}`)));
    expect(answers.map((a) => a.status).sort()).toEqual([204, ...Array.from({ length: 9 }, () => 404)]);
    expect(answers.find((a) => a.status === 204)?.text).toBe('');
    expect(await world.sessions()).toEqual([]);
    expect(await world.api.list()).toEqual([]);
  });
});

describe('live-view', () => {
  test.each([
    ['', 'live'],
    ['?readOnly=false', 'live'],
    ['?readOnly=true', 'live-readonly'],
  ])('%s gives a link of scope %s', async (query, scope) => {
    const { id } = await world.api.create();
    const answer = await world.api.call('GET', `${sessions}/${id}/live-view${query}`);
    const { url } = liveViewLink.parse(answer.json());
    expect(url).toMatch(new RegExp(`^http://live\\.test/live/${id}\\?`));
    expect(claimsOf(url)).toMatchObject({ subject: id, scope });
  });
});

describe('keep-alive', () => {
  test('touches the sandbox and answers with the moved end', async () => {
    const made = await world.api.create({ timeout: 60_000 });
    await confirmed();
    world.agents.idleForMs = 40_000;
    await delay(5);
    const answer = await world.api.call('POST', `${sessions}/${made.id}/keep-alive`);
    expect(answer.status).toBe(200);
    expect(sessionView.parse(answer.json()).expiresAt).toBeGreaterThan(made.expiresAt);
    expect(world.agents.touches).toBe(2);
  });

  test('does not pretend when the sandbox does not answer', async () => {
    const { id } = await world.api.create();
    await confirmed();
    world.agents.answering = false;
    const answer = await world.api.call('POST', `${sessions}/${id}/keep-alive`, {});
    expect([answer.status, answer.problem().code]).toEqual([503, 'sandbox_failed']);
    expect(await world.sessions()).toHaveLength(1);
  });
});

describe('what can be seen from outside', () => {
  test('a request id is echoed when it is fit for a log, else made', async () => {
    const idFor = async (given: string): Promise<string | null> =>
      (await world.api.call('GET', sessions, undefined, { headers: { 'x-request-id': given } })).headers.get(
        'x-request-id',
      );
    expect(await idFor('my-id-7')).toBe('my-id-7');
    for (const unfit of ['a b', 'a"b', 'x'.repeat(129), 'schl\u00fcssel'])
      expect(await idFor(unfit)).toMatch(/^[\da-f-]{36}$/);
  });

  test('a request is one log line without secrets', async () => {
    const { id, cdpUrl } = await world.api.create();
    const token = new URL(cdpUrl).searchParams.get('token') ?? '';
    await world.api.call('GET', `${sessions}/${id}?token=${token}`);
    await world.api.call('GET', `/nothing/${token}`);
    await world.api.call('POST', sessions, { proxyUrl: 'http://user:hunter2@h:1' });
    await expect.poll(() => world.log.filter((line) => line['msg'] === 'request')).toHaveLength(4);
    expect(world.log[1]).toMatchObject({
      account: 'default',
      method: 'GET',
      route: '/browser/sessions/{id}',
      sessionId: id,
      status: 200,
      requestId: expect.any(String) as string,
      durationMs: expect.any(Number) as number,
    });
    expect(world.log[2]).toMatchObject({ route: 'unmatched', status: 404 });
    const log = JSON.stringify(world.log);
    for (const secret of [world.api.apiKey, token, 'hunter2']) expect(log).not.toContain(secret);
  });

  test('the figures tell requests, results and the time to a browser', async () => {
    await world.api.create();
    world.fate = { ends: 'PoolExhausted' };
    await world.api.call('POST', sessions);
    const metrics = await world.registry.metrics();
    expect(metrics).toContain('porthole_sessions_created_total{result="created"} 1');
    expect(metrics).toContain('porthole_sessions_created_total{result="pool_exhausted"} 1');
    expect(metrics).toContain('porthole_session_create_duration_seconds_count{start="warm"} 1');
    expect(metrics).toContain('porthole_http_requests_total{route="/browser/sessions",method="POST",status="201"} 1');
    expect(metrics).toContain('porthole_http_requests_total{route="/browser/sessions",method="POST",status="503"} 1');
  });

  test('a failure inside is a 500 that says nothing, and a log line that says all', async () => {
    world.agents.pages = () => Promise.reject(new Error('the inner reason'));
    const { id } = await world.api.create();
    const answer = await world.api.call('GET', `${sessions}/${id}`);
    expect([answer.status, answer.problem().code]).toEqual([500, 'internal_error']);
    expect(answer.text).not.toContain('inner reason');
    await expect.poll(() => JSON.stringify(world.log)).toContain('the inner reason');
  });

  test('a connection from an address that is refused is dropped', async () => {
    await using shut = await startFacadeWorld({ refusePeer: (address) => address === '127.0.0.1' });
    const socket = connect(shut.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET /docs HTTP/1.1\r\nhost: a\r\n\r\n');
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length));
    await once(socket, 'close');
    expect(bytes).toBe(0);
  });

  test('the same port twice is an error, and nothing stays open', async () => {
    await expect(startFacadeWorld({ port: world.port })).rejects.toThrow(/EADDRINUSE/);
  });
});

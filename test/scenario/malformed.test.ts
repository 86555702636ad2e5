import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../support/api-client.ts';
import { startWorld } from '../support/world.ts';

const cappedKey = 'key-of-an-account-with-a-low-cap';
const world = await startWorld({
  warm: { min: 1, max: 1 },
  accounts: [{ name: 'capped', apiKey: cappedKey, limits: { maxIdleTimeoutMs: 5_000 } }],
});
let session: Session;
beforeAll(async () => void (session = await world.api.create()));
afterAll(() => world[Symbol.asyncDispose]());

interface Malformed {
  readonly what: string;
  readonly method?: string;
  /** `:id` stands for a session that is there. Default: the sessions. */
  readonly path?: string;
  readonly body?: unknown;
  readonly rawBody?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the right one; empty: none. */
  readonly apiKey?: string;
  /** Which field the answer's details name. */
  readonly names?: string;
}

const sessions = '/api/v1/browser/sessions';
const unknownId = '5f0c6a80-9d5c-4a34-9c0e-0a6d4f1f2b11';
const json = { 'content-type': 'application/json' };

async function expectRefusal(request: Malformed, status: number, code: string): Promise<void> {
  const { method = 'POST', path = sessions, apiKey = world.api.apiKey, body, rawBody, headers = {}, names } = request;
  const options = { headers, ...(rawBody === undefined ? {} : { rawBody }) };
  const answer = await world.as(apiKey).call(method, path.replace(':id', session.id), body, options);
  expect(answer.status, answer.text).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  const problem = answer.problem();
  expect(problem.code).toBe(code);
  expect(problem.message.length).toBeGreaterThan(10);
  expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
  expect(answer.text).not.toMatch(/node_modules|\.ts:\d+|\bat \w+ \(/);
  if (names !== undefined) {
    const paths = (problem.details ?? []).map((detail) => detail.path);
    expect(
      paths.filter((p) => p === names || p.startsWith(`${names}.`)),
      answer.text,
    ).not.toEqual([]);
  }
}

describe('401 unauthorized', () => {
  test.each<Malformed>([
    { what: 'POST without a key', apiKey: '' },
    { what: 'the list without a key', apiKey: '', method: 'GET' },
    { what: 'a session without a key', apiKey: '', method: 'GET', path: `${sessions}/:id` },
    { what: 'DELETE without a key', apiKey: '', method: 'DELETE', path: `${sessions}/:id` },
    { what: 'keep-alive without a key', apiKey: '', path: `${sessions}/:id/keep-alive` },
    { what: 'live-view without a key', apiKey: '', method: 'GET', path: `${sessions}/:id/live-view` },
    { what: 'an unknown key', apiKey: 'ph_0000000000000000000000000000000000000000' },
    { what: 'a malformed body with an unknown key', apiKey: 'unknown', rawBody: '{', headers: json },
    { what: 'another scheme', apiKey: '', headers: { authorization: 'Basic dXNlcjpwYXNz' } },
    { what: 'a scheme without a key', apiKey: '', headers: { authorization: 'Bearer' } },
    { what: 'a key with a blank in it', apiKey: '', headers: { authorization: 'Bearer one two' } },
    { what: 'two keys', apiKey: '', headers: { authorization: 'Bearer one, Bearer two' } },
    { what: 'a very long key', apiKey: 'k'.repeat(4_000) },
  ])('$what', (request) => expectRefusal(request, 401, 'unauthorized'));

  test('a key in the query is none', async () => {
    await expectRefusal({ what: '', apiKey: '', path: `${sessions}?api_key=${world.api.apiKey}` }, 401, 'unauthorized');
  });
});

describe('400 invalid_request', () => {
  test.each<Malformed>([
    { what: 'a body that is no JSON', rawBody: 'timeout=1000', headers: json },
    { what: 'a body that breaks off', rawBody: '{"timeout": 60000', headers: json },
    { what: 'a body with a comma too many', rawBody: '{"timeout": 60000,}', headers: json },
    { what: 'an array', body: [] },
    { what: 'a string', body: 'session' },
    { what: 'a number', body: 7 },
    { what: 'true', body: true },
    { what: 'an unknown field', body: { colour: 'red' }, names: 'colour' },
    { what: 'a field in another case', body: { Timeout: 60_000 }, names: 'Timeout' },
    { what: 'a field named __proto__', rawBody: '{"__proto__": {"timeout": 1}}', headers: json },
    { what: 'capabilities that are a string', body: { capabilities: 'stealth' }, names: 'capabilities' },
    { what: 'capabilities that are null', body: { capabilities: null }, names: 'capabilities' },
    { what: 'an unknown capability', body: { capabilities: ['flying'] }, names: 'capabilities' },
    { what: 'a capability that is a number', body: { capabilities: [1] }, names: 'capabilities' },
    { what: 'a capability in another case', body: { capabilities: ['Stealth'] }, names: 'capabilities' },
    { what: 'extensions that are a string', body: { extensions: 'abc' }, names: 'extensions' },
    { what: 'an extension that is a number', body: { extensions: [1] }, names: 'extensions' },
    { what: 'an empty extension id', body: { extensions: [''] }, names: 'extensions' },
    { what: 'an unknown extension', body: { extensions: ['no-such-extension'] }, names: 'extensions' },
    {
      what: 'more than twenty extensions',
      body: { extensions: Array.from({ length: 21 }, (_, i) => `extension-${i}`) },
      names: 'extensions',
    },
    { what: 'a proxyUrl that is a number', body: { proxyUrl: 1 }, names: 'proxyUrl' },
    { what: 'a proxyUrl that is empty', body: { proxyUrl: '' }, names: 'proxyUrl' },
    { what: 'a proxyUrl that is no URL', body: { proxyUrl: 'proxy.example:8080' }, names: 'proxyUrl' },
    { what: 'a proxyUrl of another scheme', body: { proxyUrl: 'ftp://proxy.example:21' }, names: 'proxyUrl' },
    { what: 'a proxyUrl without a host', body: { proxyUrl: 'http://:8080' }, names: 'proxyUrl' },
    { what: 'a proxyUrl without a port', body: { proxyUrl: 'http://proxy.example' }, names: 'proxyUrl' },
    { what: 'a proxyUrl with port 0', body: { proxyUrl: 'http://proxy.example:0' }, names: 'proxyUrl' },
    { what: 'a proxyUrl with a path', body: { proxyUrl: 'http://proxy.example:8080/path' }, names: 'proxyUrl' },
    { what: 'proxy and proxyUrl', body: { proxy: {}, proxyUrl: 'http://proxy.example:8080' }, names: 'proxyUrl' },
    { what: 'a proxy that is a string', body: { proxy: 'de' }, names: 'proxy' },
    { what: 'a proxy that is a list', body: { proxy: [] }, names: 'proxy' },
    { what: 'an unknown field of proxy', body: { proxy: { country: 'de' } }, names: 'proxy.country' },
    { what: 'a location that is a number', body: { proxy: { location: 49 } }, names: 'proxy.location' },
    { what: 'a location that is empty', body: { proxy: { location: '' } }, names: 'proxy.location' },
    { what: 'an unknown location', body: { proxy: { location: 'atlantis' } }, names: 'proxy' },
    { what: 'a provider that is a number', body: { proxy: { provider: 1 } }, names: 'proxy.provider' },
    { what: 'an unknown provider', body: { proxy: { provider: 'nobody' } }, names: 'proxy' },
    { what: 'sticky that is a string', body: { proxy: { sticky: 'yes' } }, names: 'proxy.sticky' },
    { what: 'a timeout that is a string', body: { timeout: '60000' }, names: 'timeout' },
    { what: 'a timeout that is null', body: { timeout: null }, names: 'timeout' },
    { what: 'a timeout that is a boolean', body: { timeout: true }, names: 'timeout' },
    { what: 'a timeout with a fraction', body: { timeout: 1_000.5 }, names: 'timeout' },
    { what: 'a timeout of 0', body: { timeout: 0 }, names: 'timeout' },
    { what: 'a negative timeout', body: { timeout: -60_000 }, names: 'timeout' },
    { what: 'a timeout just too short', body: { timeout: 999 }, names: 'timeout' },
    { what: 'a timeout just too long', body: { timeout: 86_400_001 }, names: 'timeout' },
    { what: 'a timeout beyond all numbers', rawBody: '{"timeout": 1e400}', headers: json, names: 'timeout' },
    { what: "a timeout over the account's cap", apiKey: cappedKey, body: { timeout: 5_001 }, names: 'timeout' },
    { what: 'keep-alive with a field', path: `${sessions}/:id/keep-alive`, body: { timeout: 5 }, names: 'timeout' },
    { what: 'keep-alive with a list', path: `${sessions}/:id/keep-alive`, body: [] },
    {
      what: 'readOnly that is neither true nor false',
      method: 'GET',
      path: `${sessions}/:id/live-view?readOnly=maybe`,
    },
    { what: 'an Idempotency-Key of 256 characters', headers: { 'idempotency-key': 'k'.repeat(256) } },
  ])('$what', (request) => expectRefusal(request, 400, 'invalid_request'));

  test('an unknown capability is told the known ones', async () => {
    const answer = await world.api.call('POST', sessions, { capabilities: ['flying'] });
    expect(answer.text).toMatch(/stealth/);
    expect(answer.text).toMatch(/recording/);
  });

  test('an unknown extension is named', async () => {
    const answer = await world.api.call('POST', sessions, { extensions: ['my-extension-id'] });
    expect(answer.text).toContain('my-extension-id');
  });

  test('several mistakes are told at once', async () => {
    const answer = await world.api.call('POST', sessions, { timeout: 1, capabilities: ['flying'], colour: 'red' });
    const paths = (answer.problem().details ?? []).map((detail) => detail.path.split('.')[0]);
    expect(paths).toEqual(expect.arrayContaining(['timeout', 'capabilities', 'colour']));
  });

  test.each([{ proxyUrl: 'ftp://me:hunter2@proxy.example:1080' }, { proxy: { location: 'nowhere' } }])(
    'a proxy that cannot be is refused without its password: %j',
    async (body) => {
      const answer = await world.api.call('POST', sessions, body);
      expect(answer.status).toBe(400);
      expect(answer.text).not.toContain('hunter2');
    },
  );
});

describe('404 not_found', () => {
  const onSession = (what: string, id: string): Malformed[] => [
    { what: `GET of ${what}`, method: 'GET', path: `${sessions}/${id}` },
    { what: `DELETE of ${what}`, method: 'DELETE', path: `${sessions}/${id}` },
  ];
  test.each<Malformed>([
    ...onSession('an id that was never given', unknownId),
    ...onSession('an id that is no UUID', 'my-session'),
    ...onSession('a number', '7'),
    ...onSession('an id with a letter too many', `${unknownId}0`),
    ...onSession('an id with a path in it', '..%2f..%2fetc%2fpasswd'),
    ...onSession('an id with a zero byte', `${unknownId}%00`),
    ...onSession('an id that is badly encoded', '%ZZ'),
    ...onSession('a very long id', 'a'.repeat(2_000)),
    ...onSession('__proto__', '__proto__'),
    { what: 'keep-alive of an unknown session', path: `${sessions}/${unknownId}/keep-alive` },
    { what: 'live-view of an unknown session', method: 'GET', path: `${sessions}/${unknownId}/live-view` },
    { what: 'an unknown path', method: 'GET', path: '/api/v1/browser/nothing' },
    { what: 'an unknown path below a session', method: 'GET', path: `${sessions}/:id/nothing` },
    { what: 'another version', method: 'GET', path: '/api/v2/browser/sessions' },
    { what: 'the root of the API', method: 'GET', path: '/api/v1' },
  ])('$what', (request) => expectRefusal(request, 404, 'not_found'));
});

describe('405 method_not_allowed', () => {
  test.each<Malformed>([
    { what: 'PUT of the sessions', method: 'PUT', body: {} },
    { what: 'PATCH of the sessions', method: 'PATCH', body: {} },
    { what: 'DELETE of all sessions', method: 'DELETE' },
    { what: 'POST to a session', path: `${sessions}/:id`, body: {} },
    { what: 'PUT of a session', method: 'PUT', path: `${sessions}/:id`, body: {} },
    { what: 'PATCH of a session', method: 'PATCH', path: `${sessions}/:id`, body: {} },
    { what: 'GET of keep-alive', method: 'GET', path: `${sessions}/:id/keep-alive` },
    { what: 'POST to live-view', path: `${sessions}/:id/live-view`, body: {} },
  ])('$what', async (request) => {
    await expectRefusal(request, 405, 'method_not_allowed');
    const answer = await world.api.call(
      request.method ?? 'POST',
      (request.path ?? sessions).replace(':id', session.id),
      request.body,
    );
    expect(answer.headers.get('allow')).toBeTruthy();
  });
});

describe('415 unsupported_media_type', () => {
  test.each<Malformed>([
    { what: 'plain text', rawBody: '{}', headers: { 'content-type': 'text/plain' } },
    { what: 'a form', rawBody: 'timeout=60000', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    { what: 'XML', rawBody: '<session/>', headers: { 'content-type': 'application/xml' } },
    { what: 'another encoding', rawBody: '{}', headers: { 'content-type': 'application/json; charset=utf-16' } },
    { what: 'a compressed body', rawBody: '{}', headers: { ...json, 'content-encoding': 'gzip' } },
  ])('$what', (request) => expectRefusal(request, 415, 'unsupported_media_type'));
});

describe('413 payload_too_large', () => {
  test('a body of two megabytes', async () => {
    await expectRefusal({ what: '', body: { colour: 'x'.repeat(2_000_000) } }, 413, 'payload_too_large');
  });
});

test('none of it made a session or cost the one that is there', async () => {
  expect((await world.api.list()).map((s) => s.id)).toEqual([session.id]);
  expect(await world.as(cappedKey).list()).toEqual([]);
});

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFacadeWorld, type FacadeWorld } from '../../test/support/facade-world.ts';
import { problemBody } from '../api/rest/problem.ts';

let world: FacadeWorld;
let sessionId: string;
beforeAll(async () => {
  world = await startFacadeWorld({ limits: { maxIdleTimeoutMs: 3_600_000 } });
  sessionId = (await world.api.create()).id;
});
afterAll(() => world[Symbol.asyncDispose]());

const sessions = '/api/v1/browser/sessions';
const unknownId = '5f0c6a80-9d5c-4a34-9c0e-0a6d4f1f2b11';

/** `:id` stands for a session that is there. */
async function refusal(method: string, path: string, init: { body?: string; headers?: Record<string, string> } = {}) {
  const headers = { authorization: `Bearer ${world.api.apiKey}`, ...init.headers };
  const { body } = init;
  const response = await fetch(`${world.url}${path.replace(':id', sessionId)}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const { error } = problemBody.parse(JSON.parse(text));
  expect(error.requestId).toBe(response.headers.get('x-request-id'));
  expect(response.headers.get('x-powered-by')).toBeNull();
  expect(text).not.toMatch(/\.ts:\d|node_modules/);
  return { status: response.status, headers: response.headers, error };
}

const json = { 'content-type': 'application/json' };
const post = (body: string, headers: Record<string, string> = json) => refusal('POST', sessions, { body, headers });

describe('bodies that are no request', () => {
  test.each([
    ['{'],
    ['timeout=1000'],
    ['{"timeout":1000,}'],
    ["{'timeout':1000}"],
    ['{"timeout":1000} {}'],
    ['\ufeff\ufeff{}'],
    ['[]'],
    ['"a"'],
    ['7'],
    ['true'],
    ['null'],
    [' '],
  ])('%s is answered 400', async (body) => {
    expect(await post(body)).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
  });

  test.each<[string, string, string]>([
    ['{"colour":"red"}', 'colour', 'unknown field'],
    ['{"Timeout":1000}', 'Timeout', 'unknown field'],
    ['{"__proto__":{"timeout":1000}}', '__proto__', 'unknown field'],
    ['{"constructor":1}', 'constructor', 'unknown field'],
    ['{"":1}', '', 'unknown field'],
    ['{"capabilities":"stealth"}', 'capabilities', 'list'],
    ['{"capabilities":null}', 'capabilities', 'list'],
    ['{"capabilities":{}}', 'capabilities', 'list'],
    ['{"capabilities":["flying"]}', 'capabilities.0', 'known are: stealth, recording'],
    ['{"capabilities":["Stealth"]}', 'capabilities.0', 'known are'],
    ['{"capabilities":[null]}', 'capabilities.0', 'known are'],
    ['{"extensions":"a"}', 'extensions', 'list'],
    ['{"extensions":[1]}', 'extensions.0', 'extension id'],
    ['{"extensions":[""]}', 'extensions.0', 'empty'],
    ['{"extensions":["my-ext"]}', 'extensions.0', 'unknown extension "my-ext"'],
    [JSON.stringify({ extensions: Array.from({ length: 21 }, (_, i) => `e${i}`) }), 'extensions', 'at most 20'],
    ['{"proxyUrl":1}', 'proxyUrl', 'string'],
    ['{"proxyUrl":""}', 'proxyUrl', 'host:port'],
    ['{"proxyUrl":"http://h"}', 'proxyUrl', 'host:port'],
    ['{"proxyUrl":"socks5://u:hunter2@h:0"}', 'proxyUrl', 'host:port'],
    ['{"proxy":"de"}', 'proxy', 'object'],
    ['{"proxy":[]}', 'proxy', 'object'],
    ['{"proxy":null}', 'proxy', 'object'],
    ['{"proxy":{"country":"de"}}', 'proxy.country', 'unknown field'],
    ['{"proxy":{"location":1}}', 'proxy.location', 'string'],
    ['{"proxy":{"location":""}}', 'proxy.location', '1'],
    ['{"proxy":{"sticky":"yes"}}', 'proxy.sticky', 'boolean'],
    ['{"proxy":{"provider":7}}', 'proxy.provider', 'string'],
    ['{"proxy":{}}', 'proxy.provider', 'none is configured'],
    ['{"proxy":{"location":"de"}}', 'proxy.provider', 'none is configured'],
    ['{"proxy":{"provider":"acme"}}', 'proxy.provider', 'unknown provider "acme"'],
    ['{"proxy":{},"proxyUrl":"http://h:1"}', 'proxyUrl', 'not both'],
    ['{"timeout":"60000"}', 'timeout', 'whole number'],
    ['{"timeout":null}', 'timeout', 'whole number'],
    ['{"timeout":[60000]}', 'timeout', 'whole number'],
    ['{"timeout":1000.5}', 'timeout', 'whole number'],
    ['{"timeout":1e400}', 'timeout', 'whole number'],
    ['{"timeout":0}', 'timeout', 'at least 1000'],
    ['{"timeout":-1}', 'timeout', 'at least 1000'],
    ['{"timeout":999}', 'timeout', 'at least 1000'],
    ['{"timeout":86400001}', 'timeout', 'at most 86400000'],
    ['{"timeout":3600001}', 'timeout', 'at most 3600000, the cap of this account'],
  ])('%s is answered 400 at %s', async (body, path, message) => {
    const { status, error } = await post(body);
    expect(status).toBe(400);
    expect(error.code).toBe('invalid_request');
    expect(error.details.map((d) => d.path)).toContain(path);
    expect(error.details.find((d) => d.path === path)?.message).toContain(message);
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  test('all mistakes are told at once, the number of details being bounded', async () => {
    const { error } = await post('{"timeout":1,"capabilities":["x"],"colour":1}');
    expect(error.details.map((d) => d.path).sort()).toEqual(['capabilities.0', 'colour', 'timeout']);
    const many = JSON.stringify({ capabilities: Array.from({ length: 10_000 }, () => 'x') });
    expect((await post(many)).error.details).toHaveLength(50);
  });

  test('a very long name is not echoed whole', async () => {
    const { error } = await post(JSON.stringify({ ['k'.repeat(100_000)]: 1 }));
    expect(JSON.stringify(error).length).toBeLessThan(1_000);
  });

  test('bytes that are no UTF-8 are answered 400', async () => {
    const response = await fetch(`${world.url}${sessions}`, {
      method: 'POST',
      headers: { ...json, authorization: `Bearer ${world.api.apiKey}` },
      body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('UTF-8');
  });
});

describe('bodies of another kind', () => {
  test.each<[string, Record<string, string>]>([
    ['plain text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a multipart form', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['nearly JSON', { 'content-type': 'application/jsonp' }],
    ['UTF-16', { 'content-type': 'application/json; charset=utf-16' }],
    ['Latin-1', { 'content-type': 'application/json; charset=iso-8859-1' }],
    ['gzip', { ...json, 'content-encoding': 'gzip' }],
    ['an unknown coding', { ...json, 'content-encoding': 'zip-o-matic' }],
  ])('%s is answered 415', async (_what, headers) => {
    expect(await post('{}', headers)).toMatchObject({ status: 415, error: { code: 'unsupported_media_type' } });
  });

  test.each(['application/json; charset=UTF-8', 'application/json;charset="utf-8"', 'APPLICATION/JSON'])(
    '%s is JSON',
    async (type) => {
      expect(await post('{"timeout":1}', { 'content-type': type })).toMatchObject({ status: 400 });
    },
  );

  test.each([1_048_577, 2_000_000, 30_000_000])('%i bytes are answered 413', async (size) => {
    expect(await post(`{"a":"${'x'.repeat(size - 8)}"}`)).toMatchObject({
      status: 413,
      error: { code: 'payload_too_large' },
    });
  });
});

describe('who asks', () => {
  test.each<[string, string | undefined]>([
    ['no header', undefined],
    ['an empty header', ''],
    ['only a scheme', 'Bearer'],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['a bare key', 'key-of-default'],
    ['two words', 'Bearer one two'],
    ['two keys', 'Bearer key-of-default, Bearer key-of-other'],
    ['an unknown key', 'Bearer nobody'],
    ['a key with a letter too many', 'Bearer key-of-defaultx'],
    ['a hash instead of a key', `Bearer ${'a'.repeat(64)}`],
    ['a very long key', `Bearer ${'k'.repeat(5_000)}`],
  ])('%s is answered 401, with a challenge, before the body is looked at', async (_what, authorization) => {
    const response = await fetch(`${world.url}${sessions}`, {
      method: 'POST',
      body: '{',
      headers: { ...json, ...(authorization === undefined ? {} : { authorization }) },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="porthole"/);
    expect(problemBody.parse(await response.json()).error.code).toBe('unauthorized');
  });
});

describe('paths and methods', () => {
  test.each([
    ['GET', `${sessions}/${unknownId}`],
    ['DELETE', `${sessions}/${unknownId}`],
    ['GET', `${sessions}/my-session`],
    ['GET', `${sessions}/7`],
    ['GET', `${sessions}/${unknownId}0`],
    ['GET', `${sessions}/${unknownId.toUpperCase()}`],
    ['GET', `${sessions}/..%2f..%2fetc`],
    ['GET', `${sessions}/${unknownId}%00`],
    ['GET', `${sessions}/%ZZ`],
    ['DELETE', `${sessions}/%ff`],
    ['GET', `${sessions}/__proto__`],
    ['GET', `${sessions}/${'a'.repeat(300)}`],
    ['POST', `${sessions}/${unknownId}/keep-alive`],
    ['GET', `${sessions}/${unknownId}/live-view`],
    ['GET', `${sessions}/:id/nothing`],
    ['GET', '/api/v1'],
    ['GET', '/api/v2/browser/sessions'],
    ['GET', '/API/V1/browser/sessions'],
    ['GET', '/browser/Sessions'],
    ['GET', '/metrics'],
    ['OPTIONS', '/nothing'],
  ])('%s %s is answered 404', async (method, path) => {
    expect(await refusal(method, path)).toMatchObject({ status: 404, error: { code: 'not_found' } });
  });

  test.each([
    ['PUT', sessions, 'POST, GET, HEAD, OPTIONS'],
    ['PATCH', sessions, 'POST, GET, HEAD, OPTIONS'],
    ['DELETE', sessions, 'POST, GET, HEAD, OPTIONS'],
    ['POST', `${sessions}/:id`, 'GET, HEAD, DELETE, OPTIONS'],
    ['PATCH', `${sessions}/my-session`, 'GET, HEAD, DELETE, OPTIONS'],
    ['GET', `${sessions}/:id/keep-alive`, 'POST, OPTIONS'],
    ['POST', `${sessions}/:id/live-view`, 'GET, HEAD, OPTIONS'],
    ['POST', '/docs', 'GET, HEAD, OPTIONS'],
    ['QUERY', sessions, 'POST, GET, HEAD, OPTIONS'],
  ])('%s %s is answered 405 with what is allowed', async (method, path, allow) => {
    const { status, error, headers } = await refusal(method, path);
    expect([status, error.code, headers.get('allow')]).toEqual([405, 'method_not_allowed', allow]);
  });

  test.each(['readOnly=yes', 'readOnly=', 'readonly=true', 'readOnly=true&readOnly=false', '__proto__=1'])(
    'live-view?%s is answered 400',
    async (query) => {
      const { status, error } = await refusal('GET', `${sessions}/:id/live-view?${query}`);
      expect([status, error.code]).toEqual([400, 'invalid_request']);
      expect(error.details[0]?.path).toMatch(/^query\./);
    },
  );

  test.each(['{"timeout":5}', '[]', '7'])('keep-alive with the body %s is answered 400', async (body) => {
    expect(await refusal('POST', `${sessions}/:id/keep-alive`, { body, headers: json })).toMatchObject({ status: 400 });
  });

  test.each([
    ['', 'empty'],
    ['k'.repeat(256), 'too long'],
    ['schl\u00fcssel', 'not ASCII'],
    ['a\tb', 'a tab'],
  ])('the Idempotency-Key %j is answered 400: %s', async (key) => {
    const { status, error } = await refusal('POST', sessions, { headers: { 'idempotency-key': key } });
    expect([status, error.details[0]?.path]).toEqual([400, 'header.idempotency-key']);
  });
});

/** Bytes to the socket as they are; gives back all that is answered until the connection ends. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(world.port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.once('close', () => resolve(answer)).once('error', reject);
  });
}

describe('what is no HTTP request', () => {
  test.each([
    ['nonsense', 'hello\r\n\r\n', 400, 'invalid_request'],
    [
      'two lengths',
      `POST ${sessions} HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n`,
      400,
      'invalid_request',
    ],
    [
      'a length and chunks',
      `POST ${sessions} HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n`,
      400,
      'invalid_request',
    ],
    ['20 KiB of headers', `GET / HTTP/1.1\r\nhost: a\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ])('%s is answered with the same error body', async (_what, text, status, code) => {
    const answer = await raw(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(problemBody.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).error.code).toBe(code);
  });

  test(
    'a body that stands still is answered 408',
    async () => {
      const head = `POST ${sessions} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${world.api.apiKey}\r\ncontent-type: application/json\r\n`;
      const answer = await raw(`${head}content-length: 100\r\n\r\n{`);
      expect(answer).toMatch(/^HTTP\/1.1 408 /);
      expect(answer).toContain('"request_timeout"');
    },
    // It is given 30 s, which are looked after every 30 s.
    90_000,
  );

  test('a body that breaks off ends quietly, and creates nothing', async () => {
    const head = `POST ${sessions} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${world.api.apiKey}\r\ncontent-type: application/json\r\n`;
    const socket = connect(world.port, '127.0.0.1', () => {
      socket.write(`${head}content-length: 100\r\n\r\n{`);
      setTimeout(() => socket.destroy(), 50);
    });
    await expect.poll(() => world.log.some((line) => line['status'] === 499)).toBe(true);
    expect(world.log.filter((line) => line['msg'] === 'request failed')).toEqual([]);
  });
});

test('none of it made a session or ended the one that is there', async () => {
  expect((await world.api.list()).map((s) => s.id)).toEqual([sessionId]);
  expect(await world.sessions()).toHaveLength(1);
});

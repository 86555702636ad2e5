import { afterAll, describe, expect, test } from 'vitest';
import { patience } from '../support/patience.ts';
import { startWorld } from '../support/world.ts';

const world = await startWorld({ warm: { min: 1, max: 1 } });
afterAll(() => world[Symbol.asyncDispose]());

const read = (url: string): Promise<Response> => fetch(url);

describe('whoever runs Porthole', () => {
  test.each(['/healthz', '/readyz'])('sees at %s that it is well', async (path) => {
    expect((await read(new URL(path, world.metricsUrl).href)).status).toBe(200);
  });

  test('finds figures in /metrics, and no ids or keys among them', async () => {
    const session = await world.api.create();
    const answer = await read(new URL('/metrics', world.metricsUrl).href);
    const text = await answer.text();
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(text).toMatch(/^# TYPE porthole_\w+ (counter|gauge|histogram)$/m);
    expect(text).not.toContain(session.id);
    expect(text).not.toContain(world.api.apiKey);
    await world.api.end(session.id);
  });

  test('finds no metrics on the port of the API', async () => {
    expect((await read(new URL('/metrics', world.apiUrl).href)).status).toBe(404);
  });
});

describe('whoever uses the API', () => {
  test('finds its description in /openapi.json, without a key', async () => {
    const document = (await (await read(new URL('/openapi.json', world.apiUrl).href)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    expect(document.openapi).toMatch(/^3\.1\./);
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replace(/^\/api\/v1/, '')}`),
    );
    expect(operations).toEqual(
      expect.arrayContaining([
        'post /browser/sessions',
        'get /browser/sessions',
        'get /browser/sessions/{id}',
        'delete /browser/sessions/{id}',
        'get /browser/sessions/{id}/live-view',
        'post /browser/sessions/{id}/keep-alive',
      ]),
    );
  });

  test('finds a readable page at /docs that loads nothing from elsewhere', async () => {
    const answer = await read(new URL('/docs', world.apiUrl).href);
    const text = await answer.text();
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(text).toContain('/browser/sessions');
    expect(text).not.toMatch(/<(script|img|iframe)[^>]+src="https?:|<link[^>]+href="https?:|@import|url\(https?:/);
  });

  test('gets its request id back, or one that was made', async () => {
    const given = await world.api.call('GET', '/browser/sessions', undefined, {
      headers: { 'x-request-id': 'my-id-7' },
    });
    expect(given.headers.get('x-request-id')).toBe('my-id-7');
    const made = await world.api.call('GET', '/browser/sessions');
    expect(made.headers.get('x-request-id')).toMatch(/^[\w-]{8,}$/);
  });

  test('finds its request id in the log', async () => {
    const headers = { 'x-request-id': 'looked-for-in-the-log' };
    await world.api.call('GET', '/browser/sessions', undefined, { headers });
    await expect.poll(() => world.log(), patience).toContain('looked-for-in-the-log');
  });
});

describe('the live view', () => {
  test('has fresh links on demand, to act or to look only', async () => {
    const session = await world.api.create();
    const link = async (query: string): Promise<URL> => {
      const answer = await world.api.call('GET', `/api/v1/browser/sessions/${session.id}/live-view${query}`);
      expect(answer.status, answer.text).toBe(200);
      return new URL((answer.json() as { url: string }).url);
    };
    const [toAct, toLook] = [await link(''), await link('?readOnly=true')];
    expect(toAct.pathname).toBe(new URL(session.liveViewUrl).pathname);
    expect(toAct.searchParams.get('token')).not.toBe(toLook.searchParams.get('token'));
    for (const url of [toAct, toLook]) expect((await read(url.href)).status).toBeLessThan(500);
    await world.api.end(session.id);
  });

  test('does not open for the token of another session, a wrong token or none', async () => {
    const [session, other] = [await world.api.create(), await world.api.create()];
    const url = new URL(session.liveViewUrl);
    for (const token of [new URL(other.liveViewUrl).searchParams.get('token'), 'wrong', undefined]) {
      if (token) url.searchParams.set('token', token);
      else url.searchParams.delete('token');
      expect([401, 404]).toContain((await read(url.href)).status);
    }
    for (const { id } of [session, other]) await world.api.end(id);
  });
});

import { afterAll, expect, test } from 'vitest';
import { attach } from '../support/cdp-client.ts';
import { startWorld } from '../support/world.ts';

const world = await startWorld({ warm: { min: 1, max: 2 } });
afterAll(() => world[Symbol.asyncDispose]());

test('a session is usable at the instant its 201 arrives, twenty times in a row, warm or cold', async () => {
  for (let i = 0; i < 20; i += 1) {
    const session = await world.api.create();
    expect(session.status).toBe('ready');
    await using client = await attach(session.cdpUrl);
    const { targetInfos } = await client.call<{ targetInfos: { type: string }[] }>('Target.getTargets');
    expect(targetInfos.map((t) => t.type)).toContain('page');
    await world.api.end(session.id);
  }
});

test('a 201 says what the contract promises', async () => {
  const before = Date.now();
  const session = await world.api.create({ timeout: 60_000 });
  expect(session.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(session).toMatchObject({ status: 'ready', capabilities: [], extensions: [] });
  expect(session).not.toHaveProperty('proxy');
  expect(session).not.toHaveProperty('proxyUrl');
  const cdpUrl = new URL(session.cdpUrl);
  expect(cdpUrl.pathname).toBe(`/sessions/${session.id}`);
  expect(cdpUrl.searchParams.get('token')).toBeTruthy();
  const liveViewUrl = new URL(session.liveViewUrl);
  expect(liveViewUrl.pathname.endsWith(`/${session.id}`)).toBe(true);
  expect(liveViewUrl.searchParams.get('token')).not.toBe(cdpUrl.searchParams.get('token'));
  // Times are kept to the second in some stores: hence the tolerance.
  expect(session.createdAt).toBeGreaterThan(before - 1_500);
  expect(session.createdAt).toBeLessThanOrEqual(Date.now());
  expect(session.expiresAt).toBeGreaterThanOrEqual(session.createdAt + 60_000);
  expect(session.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
  await world.api.end(session.id);
});

test('the body may be absent, and the paths answer without their prefix too', async () => {
  const answer = await world.api.call('POST', '/browser/sessions');
  expect(answer.status).toBe(201);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  const { id } = answer.session();
  expect((await world.api.call('GET', `/browser/sessions/${id}`)).status).toBe(200);
  expect((await world.api.call('DELETE', `/browser/sessions/${id}`)).status).toBe(204);
});

test('the list holds live sessions only, oldest first', async () => {
  const created = [await world.api.create(), await world.api.create(), await world.api.create()];
  await world.api.end(created[1]?.id ?? '');
  const expected = [created[0]?.id, created[2]?.id];
  expect((await world.api.list()).map((s) => s.id)).toEqual(expected);
  for (const id of expected) await world.api.end(id ?? '');
  expect(await world.api.list()).toEqual([]);
});

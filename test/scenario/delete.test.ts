import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { attach, refusalOf } from '../support/cdp-client.ts';
import { patience, stretch } from '../support/patience.ts';
import { startWorld } from '../support/world.ts';

const sessions = '/api/v1/browser/sessions';
// Nothing is warm, so that a session takes long enough to be caught while it starts.
const world = await startWorld({ warm: { min: 0, max: 0 } });
afterAll(() => world[Symbol.asyncDispose]());

const untilNothingIsLeft = async (): Promise<void> => {
  await vi.waitFor(async () => expect(await world.countSandboxes()).toBe(0), patience);
  expect(await world.api.list()).toEqual([]);
};
afterEach(untilNothingIsLeft);

describe('DELETE', () => {
  test('ends a session that is still starting, and its POST is not answered 201', async () => {
    const post = world.api.call('POST', sessions);
    const starting = await vi.waitUntil(async () => (await world.api.list())[0], patience);
    expect(['pending', 'starting']).toContain(starting.status);
    await world.api.end(starting.id);
    expect((await post).status).toBe(503);
  });

  test.each([0, 50, 100, 200, 400, 800])(
    'ends a session %i ms after it is seen, whatever it is doing then',
    async (ms) => {
      const post = world.api.call('POST', sessions);
      const seen = await vi.waitUntil(async () => (await world.api.list())[0], patience);
      await stretch(ms);
      await world.api.end(seen.id);
      expect([201, 503]).toContain((await post).status);
      expect(await world.api.statusOf(seen.id)).toBe(404);
    },
  );

  test('ends a session that is ready', async () => {
    const { id, cdpUrl } = await world.api.create();
    await world.api.end(id);
    expect(await world.api.statusOf(id)).toBe(404);
    expect([401, 404]).toContain(await refusalOf(cdpUrl));
  });

  test('ends a session in use: its client sees 1001', async () => {
    const { id, cdpUrl } = await world.api.create();
    await using client = await attach(cdpUrl);
    await world.api.end(id);
    expect((await client.closed).code).toBe(1001);
  });

  test('ends a session whose page keeps Chromium busy', async () => {
    const { id, cdpUrl } = await world.api.create();
    await using client = await attach(cdpUrl);
    const { targetId } = await client.call<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await client.call<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    });
    const never = client.call('Runtime.evaluate', { expression: 'for (;;);' }, sessionId);
    never.catch(() => undefined);
    await world.api.end(id);
    expect((await client.closed).code).toBe(1001);
  });

  test('is answered 404 the second time', async () => {
    const { id } = await world.api.create();
    await world.api.end(id);
    expect((await world.api.call('DELETE', `${sessions}/${id}`)).status).toBe(404);
  });

  test('succeeds for exactly one of ten callers', async () => {
    const { id } = await world.api.create();
    const answers = await Promise.all(Array.from({ length: 10 }, () => world.api.call('DELETE', `${sessions}/${id}`)));
    expect(answers.map((a) => a.status).sort()).toEqual([204, ...Array.from({ length: 9 }, () => 404)]);
  });
});

test('a caller who hangs up before the answer leaves no session behind', async () => {
  const hangUp = new AbortController();
  const post = world.api.call('POST', sessions, {}, { signal: hangUp.signal });
  await vi.waitUntil(async () => (await world.api.list())[0], patience);
  hangUp.abort();
  await expect(post).rejects.toThrow();
  await vi.waitFor(async () => expect(await world.api.list()).toEqual([]), patience);
});

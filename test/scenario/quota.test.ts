import { afterAll, expect, test, vi } from 'vitest';
import { patience } from '../support/patience.ts';
import { startWorld } from '../support/world.ts';

const sessions = '/api/v1/browser/sessions';
const limit = 3;
const warm = 1;
const world = await startWorld({ maxConcurrentSessions: limit, warm: { min: warm, max: warm } });
afterAll(() => world[Symbol.asyncDispose]());

test('of fifty parallel requests exactly as many succeed as the account may have', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => world.api.call('POST', sessions)));
  const admitted = answers.filter((a) => a.status === 201);
  const refused = answers.filter((a) => a.status !== 201);
  expect(admitted).toHaveLength(limit);
  for (const answer of refused) {
    expect(answer.status, answer.text).toBe(503);
    expect(answer.problem()).toMatchObject({ code: 'concurrency_limit_reached', limit, current: limit });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  const ids = admitted.map((a) => a.session().id);
  expect((await world.api.list()).map((s) => s.id).sort()).toEqual([...ids].sort());
  for (const id of ids) await world.api.end(id);
});

test('a slot that is given back serves the very next request', async () => {
  const held = await Promise.all(Array.from({ length: limit }, () => world.api.create()));
  expect((await world.api.call('POST', sessions)).problem().code).toBe('concurrency_limit_reached');
  for (const { id } of held) {
    await world.api.end(id);
    await world.api.create();
    expect(await world.api.list()).toHaveLength(limit);
  }
  for (const { id } of await world.api.list()) await world.api.end(id);
});

test('after all of that only the warm sandboxes are left', async () => {
  await vi.waitFor(async () => {
    expect(await world.api.list()).toEqual([]);
    expect(await world.countSandboxes()).toBe(warm);
  }, patience);
});

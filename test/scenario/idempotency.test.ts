import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { Answer, ApiClient } from '../support/api-client.ts';
import { startWorld } from '../support/world.ts';

const otherKey = 'key-of-the-other-account';
const world = await startWorld({ warm: { min: 1, max: 1 }, accounts: [{ name: 'other', apiKey: otherKey }] });
afterAll(() => world[Symbol.asyncDispose]());
afterEach(async () => {
  for (const { id } of await world.api.list()) await world.api.end(id);
});

function post(key: string, body: object = {}, api: ApiClient = world.api): Promise<Answer> {
  return api.call('POST', '/api/v1/browser/sessions', body, { headers: { 'idempotency-key': key } });
}

test('the same key and body again answer with the first result and create nothing', async () => {
  const key = randomUUID();
  const first = await post(key, { timeout: 60_000 });
  const again = await post(key, { timeout: 60_000 });
  expect([first.status, again.status]).toEqual([201, 201]);
  expect(first.headers.get('idempotency-replayed')).toBeNull();
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.session().id).toBe(first.session().id);
  expect(await world.api.list()).toHaveLength(1);
});

test('the same key with another body is refused and creates nothing', async () => {
  const key = randomUUID();
  await post(key, { timeout: 60_000 });
  const other = await post(key, { timeout: 61_000 });
  expect(other.status).toBe(409);
  expect(other.problem().code).toBe('idempotency_conflict');
  expect(await world.api.list()).toHaveLength(1);
});

test('ten duplicates at the same time make one session', async () => {
  const key = randomUUID();
  const answers = await Promise.all(Array.from({ length: 10 }, () => post(key)));
  expect(answers.map((a) => a.status)).toEqual(Array.from({ length: 10 }, () => 201));
  expect(new Set(answers.map((a) => a.session().id)).size).toBe(1);
  expect(await world.api.list()).toHaveLength(1);
});

test('other keys make other sessions', async () => {
  const [a, b] = await Promise.all([post(randomUUID()), post(randomUUID())]);
  expect(a.session().id).not.toBe(b.session().id);
});

test('the same key of another account is another key', async () => {
  const key = randomUUID();
  const other = world.as(otherKey);
  const mine = (await post(key)).session();
  const theirs = (await post(key, {}, other)).session();
  expect(theirs.id).not.toBe(mine.id);
  await other.end(theirs.id);
});

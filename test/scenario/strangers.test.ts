import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../support/api-client.ts';
import { attach, refusalOf } from '../support/cdp-client.ts';
import { startWorld } from '../support/world.ts';

const world = await startWorld({ accounts: [{ name: 'stranger', apiKey: 'key-of-somebody-else-entirely' }] });
const owner = world.api;
const stranger = world.as('key-of-somebody-else-entirely');
let session: Session;
beforeAll(async () => void (session = await owner.create()));
afterAll(() => world[Symbol.asyncDispose]());

describe("to another account somebody's session does not exist", () => {
  test.each([
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/keep-alive'],
    ['GET', '/live-view'],
  ])('%s %s is answered exactly as for an id that was never given', async (method, suffix) => {
    const path = (id: string): string => `/api/v1/browser/sessions/${id}${suffix}`;
    const real = await stranger.call(method, path(session.id));
    const invented = await stranger.call(method, path('5f0c6a80-9d5c-4a34-9c0e-0a6d4f1f2b11'));
    expect(real.status).toBe(404);
    expect(invented.status).toBe(404);
    const { requestId: a, ...realProblem } = real.problem();
    const { requestId: b, ...inventedProblem } = invented.problem();
    expect(a).not.toBe(b);
    expect(JSON.stringify(realProblem).replaceAll(session.id, '')).toBe(
      JSON.stringify(inventedProblem).replaceAll('5f0c6a80-9d5c-4a34-9c0e-0a6d4f1f2b11', ''),
    );
  });

  test('it is not in the list', async () => {
    expect(await stranger.list()).toEqual([]);
    expect((await owner.list()).map((s) => s.id)).toEqual([session.id]);
  });

  test("the stranger's key does not open it", async () => {
    const url = new URL(session.cdpUrl);
    url.searchParams.delete('token');
    expect(await refusalOf(url.toString(), { authorization: `Bearer ${stranger.apiKey}` })).toBe(404);
  });

  test("the token of the stranger's own session does not open it", async () => {
    const own = await stranger.create();
    const url = new URL(session.cdpUrl);
    url.searchParams.set('token', new URL(own.cdpUrl).searchParams.get('token') ?? '');
    expect([401, 404]).toContain(await refusalOf(url.toString()));
    await stranger.end(own.id);
  });

  test('the owner still has it after all of this', async () => {
    await using client = await attach(session.cdpUrl);
    expect(client.isOpen).toBe(true);
    expect(await owner.statusOf(session.id)).toBe(200);
  });
});

test("one account's sessions do not count against another's limit", async () => {
  const theirs = await stranger.create();
  expect((await stranger.list()).map((s) => s.id)).toEqual([theirs.id]);
  await stranger.end(theirs.id);
});

import { afterAll, describe, expect, test, vi } from 'vitest';
import { attach } from '../support/cdp-client.ts';
import { patience, stretch } from '../support/patience.ts';
import { isLocal, startWorld } from '../support/world.ts';

/** Long enough for a browser to start on a busy machine, and for a Pod of it. */
const lifetime = isLocal ? 20_000 : 60_000;
const shortLived = 'key-of-an-account-whose-sessions-are-short';
const strict = 'key-of-an-account-where-only-messages-count-as-activity';
const world = await startWorld({
  warm: { min: 1, max: 2 },
  accounts: [
    { name: 'short-lived', apiKey: shortLived, limits: { maxLifetimeMs: lifetime } },
    { name: 'strict', apiKey: strict, idlePolicy: 'messages' },
  ],
});
afterAll(() => world[Symbol.asyncDispose]());

/** Long enough for a client to attach on a busy machine before it is over. */
const timeout = 5_000;

async function untilGone(id: string, api = world.api): Promise<void> {
  await vi.waitFor(async () => expect(await api.statusOf(id)).toBe(404), patience);
}

describe.concurrent('the idle timeout', () => {
  test('ends a session that nobody uses, however often it is looked at', async () => {
    const session = await world.api.create({ timeout });
    expect(session.expiresAt).toBeLessThanOrEqual(Date.now() + timeout);
    await untilGone(session.id);
    expect(Date.now()).toBeGreaterThanOrEqual(session.createdAt + timeout);
    expect((await world.api.list()).map((s) => s.id)).not.toContain(session.id);
  });

  test('spares a session with a silent client, and ends it after the client has left', async () => {
    const session = await world.api.create({ timeout });
    const client = await attach(session.cdpUrl);
    await stretch(2 * timeout);
    expect(client.isOpen).toBe(true);
    const left = Date.now();
    await client[Symbol.asyncDispose]();
    expect(await world.api.statusOf(session.id)).toBe(200);
    await untilGone(session.id);
    expect(Date.now()).toBeGreaterThanOrEqual(left + timeout);
  });

  test('is put off by keep-alive, which moves expiresAt', async () => {
    const session = await world.api.create({ timeout });
    let last = session.expiresAt;
    for (let i = 0; i < 4; i += 1) {
      await stretch(timeout / 2);
      const answer = await world.api.call('POST', `/api/v1/browser/sessions/${session.id}/keep-alive`);
      expect(answer.status).toBe(200);
      const { id, expiresAt } = answer.json() as { id: string; expiresAt: number };
      expect(id).toBe(session.id);
      expect(expiresAt).toBeGreaterThan(last);
      last = expiresAt;
    }
    await untilGone(session.id);
    expect(Date.now()).toBeGreaterThanOrEqual(last - 1_000);
  });

  test('is not moved by reading the session', async () => {
    const session = await world.api.create({ timeout: 60_000 });
    await stretch(1_500);
    expect((await world.api.read(session.id)).expiresAt).toBe(session.expiresAt);
    expect((await world.api.list()).find((s) => s.id === session.id)?.expiresAt).toBe(session.expiresAt);
    await world.api.end(session.id);
  });
});

describe.concurrent('an account', () => {
  test('has a maximum lifetime that ends even a session in use, with close code 1001', async () => {
    const api = world.as(shortLived);
    const session = await api.create();
    expect(session.expiresAt).toBeLessThanOrEqual(session.createdAt + lifetime);
    await using client = await attach(session.cdpUrl);
    expect((await client.closed).code).toBe(1001);
    expect(Date.now()).toBeGreaterThanOrEqual(session.createdAt + lifetime);
    expect(await api.statusOf(session.id)).toBe(404);
  });

  test('may count messages only: then a silent client does not keep a session', async () => {
    const api = world.as(strict);
    const session = await api.create({ timeout });
    await using client = await attach(session.cdpUrl);
    expect((await client.closed).code).toBe(1001);
    await untilGone(session.id, api);
  });

  test('may count messages only: then a client that sends some keeps it', async () => {
    const api = world.as(strict);
    const session = await api.create({ timeout });
    await using client = await attach(session.cdpUrl);
    for (let i = 0; i < 5; i += 1) {
      await stretch(timeout / 2);
      await client.call('Browser.getVersion');
    }
    expect(await api.statusOf(session.id)).toBe(200);
    await api.end(session.id);
  });
});

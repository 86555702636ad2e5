import { afterAll, describe, expect, test, vi } from 'vitest';
import { attach, type CdpClient } from '../support/cdp-client.ts';
import { patience } from '../support/patience.ts';
import { startWorld } from '../support/world.ts';

const world = await startWorld({ maxConcurrentSessions: 1, warm: { min: 1, max: 1 } });
afterAll(() => world[Symbol.asyncDispose]());

async function browserPid(id: string, client: CdpClient): Promise<number> {
  const { processInfo } = await client.call<{ processInfo: { type: string; id: number }[] }>(
    'SystemInfo.getProcessInfo',
  );
  return world.machinePid(id, processInfo.find((p) => p.type === 'browser')?.id ?? 0);
}

/** The session is gone, its client knows, and the account's only slot serves again. */
async function expectDeathOf(id: string, client: CdpClient): Promise<void> {
  expect([1001, 1011]).toContain((await client.closed).code);
  await vi.waitFor(async () => expect(await world.api.statusOf(id)).toBe(404), patience);
  const next = await world.api.create();
  await using again = await attach(next.cdpUrl);
  expect(again.isOpen).toBe(true);
  await world.api.end(next.id);
}

describe('a browser that dies takes its session along, and the slot is free', () => {
  test('when it crashes by itself', async () => {
    const { id, cdpUrl } = await world.api.create();
    await using client = await attach(cdpUrl);
    client.call('Browser.crash').catch(() => undefined); // the answer never comes
    await expectDeathOf(id, client);
  });

  test('when it is killed while somebody is attached', async () => {
    const { id, cdpUrl } = await world.api.create();
    await using client = await attach(cdpUrl);
    process.kill(await browserPid(id, client), 'SIGKILL');
    await expectDeathOf(id, client);
  });

  test('when it is killed while nobody is attached', async () => {
    const { id, cdpUrl } = await world.api.create();
    const client = await attach(cdpUrl);
    const pid = await browserPid(id, client);
    await client[Symbol.asyncDispose]();
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(async () => expect(await world.api.statusOf(id)).toBe(404), patience);
    await world.api.end((await world.api.create()).id);
  });
});

test('a page that crashes is not the end of its session', async () => {
  const { id, cdpUrl } = await world.api.create();
  await using client = await attach(cdpUrl);
  const { targetId } = await client.call<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await client.call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
  client.call('Page.crash', {}, sessionId).catch(() => undefined);
  await client.call('Target.createTarget', { url: 'about:blank' });
  expect(await world.api.statusOf(id)).toBe(200);
  await world.api.end(id);
});

test('the warm sandboxes are whole again afterwards', async () => {
  await vi.waitFor(async () => expect(await world.countSandboxes()).toBe(1), patience);
  expect(await world.api.list()).toEqual([]);
});

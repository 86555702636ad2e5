import { chromium, type Browser } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { startClusterWorld } from '../support/cluster-world.ts';

it('when the gateway is killed its client connects again, by the same URL, to the same browser', async () => {
  await using world = await startClusterWorld({ warm: { min: 1, max: 1 } });
  const session = await world.api.create();
  const browser = await chromium.connectOverCDP(session.cdpUrl);
  const page = browser.contexts()[0]?.pages()[0];
  await page?.evaluate('window.mark = "mine"');

  const gateway = world.pidOf('gateway');
  const disconnected = new Promise((resolve) => browser.once('disconnected', resolve));
  process.kill(gateway, 'SIGKILL');
  await disconnected;

  const connect = (): Promise<Browser | undefined> =>
    chromium.connectOverCDP(session.cdpUrl, { timeout: 20_000 }).catch(() => undefined);
  const again = await vi.waitUntil(connect, { timeout: 120_000, interval: 100 });
  expect(await again.contexts()[0]?.pages()[0]?.evaluate('window.mark')).toBe('mine');
  expect(world.pidOf('gateway')).not.toBe(gateway);
  expect((await world.api.read(session.id)).status).toBe('ready');
  await again.close();

  await world.api.end(session.id);
  // One warm sandbox, and nothing of the session.
  await expect.poll(() => world.countSandboxes(), { timeout: 120_000 }).toBe(1);
});

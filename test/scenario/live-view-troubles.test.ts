import { chromium as playwright, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startBareChromium, type BareChromium } from '../support/bare-chromium.ts';
import { hasDisplay } from '../support/display.ts';
import { patience } from '../support/patience.ts';
import { isLocal, startWorld, type World } from '../support/world.ts';

let ownBrowser: BareChromium;
let viewerBrowser: Browser;

beforeAll(async () => {
  ownBrowser = await startBareChromium();
  viewerBrowser = await playwright.connectOverCDP(`http://127.0.0.1:${ownBrowser.devtoolsPort}`);
});
afterAll(async () => {
  await viewerBrowser.close();
  await ownBrowser[Symbol.asyncDispose]();
});

const until = (page: Page, status: string): Promise<void> =>
  vi.waitFor(async () => expect(await page.locator('#status').innerText()).toBe(status), patience);

describe.runIf(hasDisplay)('a live view that cannot be had', () => {
  let world: World;
  beforeAll(async () => void (world = await startWorld()));
  afterAll(() => world[Symbol.asyncDispose]());

  test('says so, is tried again eight times, and then when somebody asks for it', async () => {
    const session = await world.api.create();
    const page = await viewerBrowser.newPage();
    // What the gateway says while the sandbox starts, while it does not answer, and when it is gone itself.
    let answer: (() => { json: object } | undefined) | undefined = () => ({ json: { state: 'starting' } });
    let asked = 0;
    await page.route('**/state?*', async (route) => {
      asked += 1;
      if (!answer) return route.continue();
      const given = answer();
      return given ? route.fulfill(given) : route.abort();
    });
    await page.clock.install();
    await page.goto(session.liveViewUrl);
    await until(page, 'Starting …');
    answer = () => (asked % 2 ? { json: { state: 'unreachable' } } : undefined);
    await vi.waitFor(async () => {
      await page.clock.fastForward(8_000);
      expect(await page.locator('#status').innerText()).toBe('Not connected');
    }, patience);
    expect(asked).toBe(9);

    answer = undefined;
    await page.clock.fastForward(60_000);
    expect(asked).toBe(9);
    await page.locator('#again-button').click();
    await until(page, 'Live');
    await page.close();
    await world.api.end(session.id);
  });
});

test.runIf(isLocal)('the live view of a browser without a display says that there is none', async () => {
  await using world = await startWorld({ display: 'headless' });
  const { liveViewUrl } = await world.api.create();
  const page = await viewerBrowser.newPage();
  const sockets: string[] = [];
  page.on('websocket', (socket) => sockets.push(socket.url()));
  await page.goto(liveViewUrl);
  await until(page, 'No display');
  expect(await page.locator('#notice').innerText()).toContain('This session has no display.');
  expect(sockets).toEqual([]);
  await page.close();
});

import { chromium, type Browser, type Page, type Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Session } from '../support/api-client.ts';
import { attach } from '../support/cdp-client.ts';
import { startPageServer, type PageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';
import { browsersAmong } from '../support/process-table.ts';
import { isLocal, startWorld, type World } from '../support/world.ts';

/** Ports of every sandbox: part of what is claimed here, hence not imported. */
const agentPort = 7700;
const proxyPort = 7701;
const proxyHealthPort = 7702;
const podDevtoolsPort = 21_000;

async function openPage(cdpUrl: string, url: string): Promise<{ browser: Browser; page: Page }> {
  const browser = await chromium.connectOverCDP(cdpUrl);
  const page = browser.contexts()[0]?.pages()[0] ?? (await browser.newPage());
  await page.goto(url);
  return { browser, page };
}

/** What the page got for its request; `refusedBy` says that our proxy answered, but is hidden from a fetch without CORS. */
type Outcome = { readonly status: number; readonly refusedBy: string | null } | 'no answer';

async function outcomeOf(request: Request): Promise<Outcome> {
  const response = await request.response();
  if (!response) return 'no answer';
  return { status: response.status(), refusedBy: response.headers()['x-porthole-egress'] ?? null };
}

async function outcomeOfRequest(page: Page, url: string, script: string): Promise<Outcome> {
  const seen = page.waitForEvent('request', (request) => request.url() === url);
  const ended = page.waitForEvent('requestfinished', (request) => request.url() === url);
  const failed = page.waitForEvent('requestfailed', (request) => request.url() === url);
  await page.evaluate(script);
  const request = await seen;
  await Promise.any([ended, failed]);
  for (const other of [ended, failed]) other.catch(() => undefined);
  return outcomeOf(request);
}

const byFetch = (page: Page, url: string): Promise<Outcome> =>
  outcomeOfRequest(page, url, `void fetch(${JSON.stringify(url)}, { mode: 'no-cors' }).catch(() => undefined)`);

const byFrame = (page: Page, url: string): Promise<Outcome> =>
  outcomeOfRequest(
    page,
    url,
    `{ const frame = document.createElement('iframe'); frame.src = ${JSON.stringify(url)}; document.body.append(frame); }`,
  );

async function byWebSocket(page: Page, url: string): Promise<string> {
  const address = JSON.stringify(url.replace(/^http/, 'ws'));
  return page.evaluate<string>(`new Promise((resolve) => {
    const socket = new WebSocket(${address});
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('refused');
  })`);
}

/**
 * Refused on the way: Chromium would not, or our proxy said 403, which nothing behind it ever says. Any other answer is a breach.
 */
function expectRefused(outcome: Outcome): void {
  if (outcome !== 'no answer') expect(outcome.status).toBe(403);
}

describe('a page in a sandbox', () => {
  let world: World;
  let server: PageServer;
  let own: Session;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    world = await startWorld({ warm: { min: 1, max: 1 } });
    server = await startPageServer(world.pageHost);
    own = await world.api.create();
    await world.api.create(); // somebody else's sandbox
    ({ browser, page } = await openPage(own.cdpUrl, `${server.url}start`));
  });
  afterAll(async () => {
    await browser.close();
    await server[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  /** In a Pod each browser has the same one, and with a kernel of its own no processes to be seen. */
  const devtoolsPorts = (): number[] =>
    !isLocal
      ? [podDevtoolsPort]
      : browsersAmong(world.sandboxProcesses()).map((p) =>
          Number(/--remote-debugging-port=(\d+)/.exec(p.command)?.[1]),
        );
  const sandboxes = async (port: number): Promise<string[]> =>
    (await world.sandboxAddresses()).map((address) => `http://${address}:${port}`);

  test('reaches a server of this machine by fetch, frame and WebSocket', async () => {
    expect(await byFetch(page, `${server.url}fetched`)).toEqual({ status: 200, refusedBy: null });
    expect(await byFrame(page, `${server.url}framed`)).toEqual({ status: 200, refusedBy: null });
    expect(await byWebSocket(page, `${server.url}socket`)).toBe('open');
    expect(server.visits).toEqual(expect.arrayContaining(['/start', '/fetched', '/framed', '/socket']));
  });

  test.each<[string, () => string[] | Promise<string[]>]>([
    ['the REST API', () => [`${world.apiUrl}/openapi.json`]],
    ['the REST API by another name', () => [`http://localhost:${new URL(world.apiUrl).port}/openapi.json`]],
    ['the REST API by another loopback address', () => [`http://127.1.2.3:${new URL(world.apiUrl).port}/openapi.json`]],
    ['the gateway', () => [`${world.gatewayUrl.replace(/^ws/, 'http')}/json/version`]],
    ['the metrics', () => [`${world.metricsUrl}/metrics`]],
    ['any DevTools port', () => devtoolsPorts().map((port) => `http://127.0.0.1:${port}/json/version`)],
    ['any DevTools port by name', () => devtoolsPorts().map((port) => `http://localhost:${port}/json/version`)],
    ['any agent', async () => (await sandboxes(agentPort)).map((at) => `${at}/livez`)],
    ['any proxy', async () => (await sandboxes(proxyPort)).map((at) => `${at}/`)],
    ["any proxy's health", async () => (await sandboxes(proxyHealthPort)).map((at) => `${at}/livez`)],
  ])('does not reach %s', async (_what, targets) => {
    const urls = await targets();
    expect(urls).not.toEqual([]);
    for (const url of urls) {
      expectRefused(await byFetch(page, url));
      const framed = await byFrame(page, `${url}?framed`);
      expectRefused(framed);
      if (framed !== 'no answer') expect(framed.refusedBy).toBeTruthy();
      expect(await byWebSocket(page, url)).toBe('refused');
    }
  });

  test('does not drive its own browser through the gateway, though it knew the whole URL', async () => {
    expect(await byWebSocket(page, own.cdpUrl)).toBe('refused');
    await using client = await attach(own.cdpUrl);
    expect(client.isOpen).toBe(true);
  });

  // In a Pod each browser has the same port, on a loopback that only the Pod has.
  test.runIf(isLocal)(
    'each of two sandboxes has a DevTools port and an agent of its own, which this test itself does reach',
    async () => {
      expect(new Set(devtoolsPorts()).size).toBeGreaterThanOrEqual(2);
      expect((await sandboxes(agentPort)).length).toBeGreaterThanOrEqual(2);
      for (const port of devtoolsPorts()) {
        const answer = (): Promise<Response> => fetch(`http://127.0.0.1:${port}/json/version`);
        await vi.waitFor(async () => expect((await answer()).status).toBe(200), patience);
      }
    },
  );
});

test('where nothing but the public internet is allowed, a page of this machine is refused', async () => {
  await using world = await startWorld({ egressAllow: '', warm: { min: 0, max: 0 } });
  await using server = await startPageServer(world.pageHost);
  const session = await world.api.create();
  const browser = await chromium.connectOverCDP(session.cdpUrl);
  const page = browser.contexts()[0]?.pages()[0] ?? (await browser.newPage());
  const response = await page.goto(server.url);
  expect(response?.status()).toBe(403);
  expect(server.visits).toEqual([]);
  await browser.close();
  await world.api.end(session.id);
});

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import CDP from 'chrome-remote-interface';
import { chromium } from 'playwright-core';
import { connect } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../support/api-client.ts';
import { attach, refusalOf } from '../support/cdp-client.ts';
import { buildGo, go } from '../support/go-program.ts';
import { startPageServer } from '../support/page-server.ts';
import { startWorld } from '../support/world.ts';

const run = promisify(execFile);
const world = await startWorld({ warm: { min: 1, max: 1 } });
const pages = await startPageServer(world.pageHost);
let session: Session;

beforeAll(async () => void (session = await world.api.create()));
afterAll(async () => {
  await pages[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** The session's address by another scheme, or without its token. */
function cdpUrl(change: { http?: boolean; withoutToken?: boolean } = {}): string {
  const url = new URL(session.cdpUrl);
  if (change.http) url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
  if (change.withoutToken) url.searchParams.delete('token');
  return url.toString();
}

async function titleSeenByPlaywright(endpoint: string, path: string): Promise<string> {
  const browser = await chromium.connectOverCDP(endpoint);
  const context = browser.contexts()[0];
  const page = context?.pages()[0] ?? (await browser.newPage());
  await page.goto(`${pages.url}${path}`);
  const title = await page.title();
  await browser.close();
  return title;
}

// All on one session: what one client leaves behind must not trouble the next.
describe('with nothing but the cdpUrl', () => {
  test('Playwright loads a page', async () => {
    expect(await titleSeenByPlaywright(cdpUrl(), 'playwright')).toBe('Page /playwright');
    expect(pages.visits).toContain('/playwright');
  });

  test('Playwright loads a page by the http form of the URL', async () => {
    expect(await titleSeenByPlaywright(cdpUrl({ http: true }), 'playwright-http')).toBe('Page /playwright-http');
  });

  test('Puppeteer loads a page', async () => {
    const browser = await connect({ browserWSEndpoint: cdpUrl() });
    const page = await browser.newPage();
    await page.goto(`${pages.url}puppeteer`);
    expect(await page.title()).toBe('Page /puppeteer');
    await browser.disconnect();
  });

  test("Puppeteer's browser.close() detaches its client and the session lives on", async () => {
    const browser = await connect({ browserWSEndpoint: cdpUrl() });
    await browser.close();
    expect(await world.api.statusOf(session.id)).toBe(200);
    expect(await titleSeenByPlaywright(cdpUrl(), 'after-close')).toBe('Page /after-close');
  });

  test('chrome-remote-interface lists the pages and drives one', async () => {
    const { hostname, port, pathname, search } = new URL(cdpUrl());
    const at = { host: hostname, port: Number(port), alterPath: (path: string) => `${pathname}${path}${search}` };
    const targets = await CDP.List(at);
    expect(targets.map((t) => t.type)).toContain('page');
    const client = await CDP({ ...at, target: (all: CDP.Target[]) => all.findIndex((t) => t.type === 'page') });
    await client.Page.enable();
    const loaded = client.Page.loadEventFired();
    await client.Page.navigate({ url: `${pages.url}cri` });
    await loaded;
    const { result } = await client.Runtime.evaluate({ expression: 'document.title' });
    expect(result.value).toBe('Page /cri');
    await client.close();
  });

  test.skipIf(go === undefined)(
    'chromedp loads a page',
    async () => {
      await using program = await buildGo('examples/chromedp');
      const { stdout } = await run(program.file, [cdpUrl(), `${pages.url}chromedp`]);
      expect(stdout.trim()).toBe('Page /chromedp');
    },
    600_000,
  );

  test('a bare WebSocket talks to the browser', async () => {
    await using client = await attach(cdpUrl());
    const version = await client.call<{ product: string }>('Browser.getVersion');
    expect(version.product).toMatch(/Chrome\/\d+/);
  });

  test('two clients are attached at once', async () => {
    await using first = await attach(cdpUrl());
    await using second = await attach(cdpUrl());
    const [a, b] = await Promise.all([first.call('Browser.getVersion'), second.call('Browser.getVersion')]);
    expect(a).toEqual(b);
  });

  test('/json/version and /json/list name addresses that carry the token on', async () => {
    const at = new URL(cdpUrl({ http: true }));
    const read = (path: string): Promise<Response> => fetch(new URL(`${at.pathname}${path}${at.search}`, at));
    const version = (await (await read('/json/version')).json()) as { webSocketDebuggerUrl: string };
    const list = (await (await read('/json/list')).json()) as { type: string; webSocketDebuggerUrl: string }[];
    for (const url of [version.webSocketDebuggerUrl, ...list.map((t) => t.webSocketDebuggerUrl)]) {
      await using client = await attach(url);
      expect(client.isOpen).toBe(true);
    }
    expect(new Set(list.map((t) => t.type))).toEqual(new Set(['page']));
  });
});

describe('the door', () => {
  const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

  test('a Bearer API key opens it without a token', async () => {
    await using client = await attach(cdpUrl({ withoutToken: true }), bearer(world.api.apiKey));
    expect(await client.call('Browser.getVersion')).toHaveProperty('product');
  });

  test('stays shut without token and key', async () => {
    expect(await refusalOf(cdpUrl({ withoutToken: true }))).toBe(401);
  });

  test('stays shut for a wrong key', async () => {
    expect(await refusalOf(cdpUrl({ withoutToken: true }), bearer('no-such-key'))).toBe(401);
  });

  test('stays shut for a token that was changed', async () => {
    const url = new URL(cdpUrl());
    const token = url.searchParams.get('token') ?? '';
    url.searchParams.set('token', `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`);
    expect(await refusalOf(url.toString())).toBe(401);
  });

  test('stays shut for the token of the live view', async () => {
    const url = new URL(cdpUrl());
    url.searchParams.set('token', new URL(session.liveViewUrl).searchParams.get('token') ?? '');
    expect(await refusalOf(url.toString())).toBe(401);
  });

  test("one session's token does not open another", async () => {
    const other = await world.api.create();
    const url = new URL(other.cdpUrl);
    url.searchParams.set('token', new URL(session.cdpUrl).searchParams.get('token') ?? '');
    expect([401, 404]).toContain(await refusalOf(url.toString()));
    await world.api.end(other.id);
  });

  test('a session that does not exist is not found', async () => {
    const url = new URL(cdpUrl({ withoutToken: true }));
    url.pathname = '/sessions/5f0c6a80-9d5c-4a34-9c0e-0a6d4f1f2b11';
    expect(await refusalOf(url.toString(), bearer(world.api.apiKey))).toBe(404);
  });
});

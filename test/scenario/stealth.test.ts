import { Server as ChainServer } from 'proxy-chain';
import { chromium, type Page } from 'playwright-core';
import { connect } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startDetectorSite, type DetectorSite } from '../../hack/stealth/detector-site.ts';
import { contextsOf, judgeReport, type Check } from '../../hack/stealth/findings.ts';
import { drivers, visitDetectors } from '../../hack/stealth/visit.ts';
import type { Report } from '../../hack/stealth/report-shape.ts';
import type { Session } from '../support/api-client.ts';
import { exposePort } from '../support/other-networks.ts';
import { startPageServer, type PageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';
import { startWorld, upstreamHost, type World } from '../support/world.ts';

/** What docs/stealth.md says is hidden. */
const hidden: readonly Check[] = [
  'navigator.webdriver',
  'globals of automation tools',
  'Headless in a user agent or a brand',
  'client hints without their values',
  'contexts that say different things',
  'headers that say something else',
  'functions that are not native',
  'plugins and PDF viewer',
  'window.chrome',
  'permissions that contradict each other',
  'window and screen',
  'no mouse',
  'no WebGL',
  'no H.264 or AAC',
  'BotD',
];

const givenAway = (report: Report): unknown[] => judgeReport(report).filter(({ check }) => hidden.includes(check));

interface Speech {
  readonly timeZone: string;
  readonly locale: string;
  readonly languages: readonly string[];
}

function speechOf(report: Report): Record<string, Speech> {
  return Object.fromEntries(
    contextsOf(report).map(([name, { dates, languages }]) => [
      name,
      { timeZone: dates.timeZone, locale: dates.locale, languages },
    ]),
  );
}

const everywhere = ['main', 'frame', 'foreignFrame', 'popup', 'dedicatedWorker', 'sharedWorker', 'serviceWorker'];
const allSay = (speech: Speech): Record<string, Speech> => Object.fromEntries(everywhere.map((name) => [name, speech]));

// By way of the proxy all pages are on its loopback, in all modes: elsewhere they were no secure context, which workers and client hints need.
const upstream = new ChainServer({ host: '127.0.0.1', port: 0 });
let site: DetectorSite;
beforeAll(async () => {
  site = await startDetectorSite();
  await upstream.listen();
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await upstream.close(true);
});

const exposed = new DisposableStack();
afterAll(() => exposed.dispose());

const startStory = async (options: { display?: 'headless' } = {}): Promise<World> => {
  const url = `http://${upstreamHost}:${upstream.port}`;
  const spec = { locations: { de: url, 'us-ca': url, fastest: url }, allowInternal: true };
  const shared = { warm: { min: 1, max: 1 }, providers: [{ name: 'acme', spec }], loopbackByProxy: true };
  const world = await startWorld({ ...shared, ...options });
  exposed.use(await exposePort(upstreamHost, upstream.port));
  return world;
};

describe('a session with stealth, whose traffic comes from Germany', () => {
  let world: World;
  let session: Session;
  beforeAll(async () => {
    world = await startStory();
    session = await world.api.create({ capabilities: ['stealth'], proxy: { location: 'de' } });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test('says so', () => expect(session.capabilities).toEqual(['stealth']));

  // All on one session: what a client does and leaves behind must not undo it.
  test.each(drivers)('looks ordinary and German in every context, driven by %s', async (driver) => {
    const { report, input } = await visitDetectors(site, session.cdpUrl, driver);
    expect(givenAway(report)).toEqual([]);
    expect(speechOf(report)).toEqual(
      allSay({ timeZone: 'Europe/Berlin', locale: 'de-DE', languages: ['de-DE', 'de'] }),
    );
    expect(report.main.dates.july).toContain('GMT+0200');
    if (driver === 'nobody') return;
    expect(input.map(({ type, isTrusted }) => [type, isTrusted])).toEqual([
      ['click', true],
      ['keydown', true],
    ]);
    // Where it is on the screen, not in the page.
    expect(input[0]?.screenY).toBeGreaterThan(input[0]?.clientY ?? Infinity);
  });

  test('an inspector shows only while a client has the Runtime domain on, as docs/stealth.md says', async () => {
    const seenBy = async (driver: (typeof drivers)[number]): Promise<boolean> => {
      const { report } = await visitDetectors(site, session.cdpUrl, driver);
      return judgeReport(report).some(({ check }) => check === 'an inspector that looks into logged errors');
    };
    expect(await seenBy('nobody')).toBe(false);
    expect(await seenBy('Playwright')).toBe(true);
    expect(await seenBy('nobody')).toBe(false);
  });
});

describe('clients and stealth', () => {
  let world: World;
  let pages: PageServer;
  beforeAll(async () => {
    world = await startStory();
    pages = await startPageServer();
  });
  afterAll(async () => {
    await pages[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });
  const german = { capabilities: ['stealth'], proxy: { location: 'de' } };
  const zoneOf = (page: Page): Promise<string> =>
    page.evaluate<string>('Intl.DateTimeFormat().resolvedOptions().timeZone');

  test('scripts that a client adds run first in the popups of its pages, and these are German from the start', async () => {
    const session = await world.api.create(german);
    const browser = await chromium.connectOverCDP(session.cdpUrl);
    const [context] = browser.contexts();
    await context?.addInitScript('window.first = Intl.DateTimeFormat().resolvedOptions().timeZone');
    const opener = context?.pages()[0] ?? (await browser.newPage());
    await opener.goto(pages.url);
    for (let i = 0; i < 5; i += 1) {
      const opened = opener.waitForEvent('popup');
      await opener.evaluate(`void window.open('/popup-${i}')`);
      const popup = await opened;
      await popup.waitForLoadState();
      expect(await popup.evaluate('window.first')).toBe('Europe/Berlin');
      await popup.close();
    }
    await browser.close();
    await world.api.end(session.id);
  });

  test('a popup stays German when the page that opened it, and shares its process, is closed', async () => {
    const session = await world.api.create(german);
    const browser = await chromium.connectOverCDP(session.cdpUrl);
    const opener = await (browser.contexts()[0] ?? (await browser.newContext())).newPage();
    await opener.goto(pages.url);
    const opened = opener.waitForEvent('popup');
    await opener.evaluate(`void window.open('/popup')`);
    const popup = await opened;
    await popup.waitForLoadState();
    await opener.close();
    await vi.waitFor(async () => expect(await zoneOf(popup)).toBe('Europe/Berlin'), patience);
    await browser.close();
    await world.api.end(session.id);
  });

  test('contexts that a client makes are German too', async () => {
    const session = await world.api.create(german);
    const browser = await chromium.connectOverCDP(session.cdpUrl);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(pages.url);
    expect(await zoneOf(page)).toBe('Europe/Berlin');
    expect(await page.evaluate('navigator.languages.join()')).toBe('de-DE,de');
    await browser.close();
    await world.api.end(session.id);
  });

  test('where the place is known, it wins over what a client emulates', async () => {
    const session = await world.api.create(german);
    const browser = await connect({ browserWSEndpoint: session.cdpUrl, defaultViewport: null });
    const page = await browser.newPage();
    await page.goto(pages.url);
    await expect(page.emulateTimezone('Asia/Tokyo')).rejects.toThrow(/already in effect/);
    expect(await page.evaluate('Intl.DateTimeFormat().resolvedOptions().timeZone')).toBe('Europe/Berlin');
    await browser.disconnect();
    const other = await chromium.connectOverCDP(session.cdpUrl);
    const own = await (await other.newContext({ timezoneId: 'Asia/Tokyo' })).newPage();
    await own.goto(pages.url);
    expect(await zoneOf(own)).toBe('Europe/Berlin');
    await other.close();
    await world.api.end(session.id);
  });

  test.each([
    ['no proxy', {}],
    ['a proxy at a place that nobody knows', { proxy: { location: 'fastest' } }],
  ])('with %s the time zone is left alone, and a client may emulate one', async (_, wish) => {
    await using direct = await startPageServer(world.pageHost);
    const session = await world.api.create({ capabilities: ['stealth'], ...wish });
    const browser = await connect({ browserWSEndpoint: session.cdpUrl, defaultViewport: null });
    const page = await browser.newPage();
    await page.goto('proxy' in wish ? pages.url : direct.url);
    await page.emulateTimezone('Asia/Tokyo');
    expect(await page.evaluate('Intl.DateTimeFormat().resolvedOptions().timeZone')).toBe('Asia/Tokyo');
    await browser.disconnect();
    await world.api.end(session.id);
  });
});

test('a warm sandbox is taken for it', async () => {
  await using world = await startStory();
  const metrics = async (): Promise<string> => (await fetch(new URL('/metrics', world.metricsUrl))).text();
  const isWarm = /^porthole_pool_sandboxes\{.*state="warm".*\} 1$/m;
  await vi.waitFor(async () => expect(await metrics()).toMatch(isWarm), patience);
  await world.api.create({ capabilities: ['stealth'], proxy: { location: 'de' } });
  await vi.waitFor(async () => {
    expect(await metrics()).toMatch(/^porthole_session_ready_seconds_count\{.*start="warm".*\} 1$/m);
  }, patience);
  expect(await metrics()).not.toMatch(/^porthole_session_ready_seconds_count\{.*start="cold"/m);
});

test('without a window it looks just as ordinary', async () => {
  await using world = await startStory({ display: 'headless' });
  const session = await world.api.create({ capabilities: ['stealth'], proxy: { location: 'us-ca' } });
  const { report } = await visitDetectors(site, session.cdpUrl, 'nobody');
  expect(givenAway(report)).toEqual([]);
  expect(speechOf(report)).toEqual(
    allSay({ timeZone: 'America/Los_Angeles', locale: 'en-US', languages: ['en-US', 'en'] }),
  );
});

test('a session without stealth keeps what its sandbox says, wherever its traffic comes from', async () => {
  await using world = await startStory();
  const session = await world.api.create({ proxy: { location: 'de' } });
  const { report } = await visitDetectors(site, session.cdpUrl, 'nobody');
  expect(report.main.languages).toEqual(['en-US', 'en']);
  expect(report.main.dates.timeZone).not.toBe('Europe/Berlin');
});

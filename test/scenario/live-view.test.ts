import { chromium as playwright, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startBareChromium, type BareChromium } from '../support/bare-chromium.ts';
import type { Session } from '../support/api-client.ts';
import { hasDisplay } from '../support/display.ts';
import { patience, stretch } from '../support/patience.ts';
import { openRfb } from '../support/rfb-client.ts';
import { startWorld } from '../support/world.ts';

/** Without a display there is nothing to see. */
const story = test.runIf(hasDisplay);

const world = await startWorld();
let ownBrowser: BareChromium;
let viewerBrowser: Browser;

beforeAll(async () => {
  ownBrowser = await startBareChromium();
  viewerBrowser = await playwright.connectOverCDP(`http://127.0.0.1:${ownBrowser.devtoolsPort}`);
});
afterAll(async () => {
  await viewerBrowser.close();
  await ownBrowser[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** A page that fills the session's tab and writes down what is done to it. */
const recorder = `<!doctype html><title>recorder</title>
  <style>html, body { margin: 0; height: 100%; background: rgb(200, 30, 60) }</style>
  <textarea id=field style="position: fixed; top: 0; left: 0; width: 300px; height: 40px"></textarea>
  <script>
    window.clicks = [];
    window.keys = [];
    addEventListener('mousedown', (event) => clicks.push([event.screenX, event.screenY]));
    addEventListener('keydown', (event) => keys.push(event.key));
  </script>`;

interface Recorded {
  readonly clicks: readonly (readonly [number, number])[];
  readonly keys: readonly string[];
  readonly text: string;
}

/** A session whose tab shows the recorder, and its driver's end of it. */
interface Shown extends AsyncDisposable {
  readonly session: Session;
  readonly page: Page;
  recorded(): Promise<Recorded>;
}

async function show(): Promise<Shown> {
  const session = await world.api.create();
  const driver = await playwright.connectOverCDP(session.cdpUrl);
  const page = driver.contexts()[0]?.pages()[0];
  if (!page) throw new Error('the session has no tab');
  await page.goto(`data:text/html,${encodeURIComponent(recorder)}`);
  return {
    session,
    page,
    recorded: () => page.evaluate(`({ clicks, keys, text: document.getElementById('field').value })`),
    [Symbol.asyncDispose]: async () => {
      await driver.close();
      await world.api.call('DELETE', `/browser/sessions/${session.id}`);
    },
  };
}

/** Somebody who has opened a live view in a browser of his own. */
interface Viewer extends AsyncDisposable {
  readonly page: Page;
  /** What a page may not do and this one tried, and what it loaded from elsewhere. */
  readonly offences: readonly string[];
  status(): Promise<string>;
}

async function look(url: string, options: { readonly permissions?: readonly string[] } = {}): Promise<Viewer> {
  const context: BrowserContext = await viewerBrowser.newContext({ viewport: { width: 1000, height: 700 } });
  await context.grantPermissions([...(options.permissions ?? [])]);
  const page = await context.newPage();
  const offences: string[] = [];
  const { origin } = new URL(url);
  page.on('request', (request) => {
    const asked = request.url();
    if (!asked.startsWith(origin) && !asked.startsWith('data:')) offences.push(`request ${asked}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(url).host) offences.push(`socket ${socket.url()}`);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') offences.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => offences.push(`error: ${error.message}`));
  await page.addInitScript(`globalThis.violations = [];
    addEventListener('securitypolicyviolation', ({ violatedDirective }) => violations.push(violatedDirective));`);
  await page.goto(url);
  return {
    page,
    offences,
    status: () => page.locator('#status').innerText(),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

const until = (viewer: Viewer, status: string): Promise<void> =>
  vi.waitFor(async () => expect(await viewer.status()).toBe(status), patience);

const readOnlyUrl = async ({ id }: Session): Promise<string> => {
  const answer = await world.api.call('GET', `/browser/sessions/${id}/live-view?readOnly=true`);
  return (answer.json() as { url: string }).url;
};

/** Red, green and blue of the session's screen as the viewer has it, at a place of that screen. */
const colourAt = (viewer: Viewer, x: number, y: number): Promise<readonly number[]> =>
  viewer.page.evaluate(
    `[...document.querySelector('#screen canvas').getContext('2d').getImageData(${x}, ${y}, 1, 1).data].slice(0, 3)`,
  );

const red = [200, 30, 60];
const untilRed = (viewer: Viewer): Promise<void> =>
  vi.waitFor(async () => {
    const seen = await colourAt(viewer, 640, 500);
    for (const [index, value] of seen.entries()) expect(Math.abs(value - (red[index] ?? 0))).toBeLessThan(12);
  }, patience);

/** Where a place of the session's screen is in the viewer's window. */
async function placeOf({ page }: Viewer, x: number, y: number): Promise<{ x: number; y: number }> {
  const canvas = page.locator('#screen canvas');
  const box = await canvas.boundingBox();
  const sizes =
    "(() => { const { width, height } = document.querySelector('#screen canvas'); return [width, height]; })()";
  const [width = 1, height = 1] = await page.evaluate<number[]>(sizes);
  if (!box) throw new Error('there is no screen');
  return { x: box.x + (x / width) * box.width, y: box.y + (y / height) * box.height };
}

async function clickAt(viewer: Viewer, x: number, y: number): Promise<void> {
  const place = await placeOf(viewer, x, y);
  await viewer.page.mouse.click(place.x, place.y);
}

story('a viewer sees the session’s page, scaled to the window, and clicks and types into it', async () => {
  await using shown = await show();
  await using viewer = await look(shown.session.liveViewUrl);
  await until(viewer, 'Live');
  await untilRed(viewer);
  const canvas = await viewer.page.locator('#screen canvas').boundingBox();
  expect(canvas?.width).toBeGreaterThan(700);
  expect(canvas?.width).toBeLessThanOrEqual(1000);

  await clickAt(viewer, 640, 500);
  await vi.waitFor(async () => {
    const [[x, y] = [0, 0]] = (await shown.recorded()).clicks;
    expect([Math.abs(x - 640), Math.abs(y - 500)].every((off) => off <= 3)).toBe(true);
  }, patience);

  await shown.page.locator('#field').focus();
  await viewer.page.keyboard.type('Hello, World 1+1=2!');
  await vi.waitFor(async () => expect((await shown.recorded()).text).toBe('Hello, World 1+1=2!'), patience);
  await viewer.page.keyboard.press('Backspace');
  await vi.waitFor(async () => expect((await shown.recorded()).text).toBe('Hello, World 1+1=2'), patience);
  expect(viewer.offences).toEqual([]);
  expect(await viewer.page.evaluate('violations')).toEqual([]);
});

story('a viewer who may only look on sees it, and nothing of what he does arrives', async () => {
  await using shown = await show();
  await using onlooker = await look(await readOnlyUrl(shown.session));
  await using viewer = await look(shown.session.liveViewUrl);
  await until(onlooker, 'Live, read-only');
  await until(viewer, 'Live');
  await untilRed(onlooker);
  await untilRed(viewer);
  await clickAt(viewer, 900, 600);
  await shown.page.locator('#field').focus();

  // A page of ours sends nothing then: so somebody speaks past it, with the token of its address.
  await clickAt(onlooker, 640, 500);
  await onlooker.page.keyboard.type('a');
  await using byHand = await openRfb(await readOnlyUrl(shown.session));
  byHand.send(...keyA.down, ...keyA.up);
  byHand.send(...pointerAt(640, 500, 1), ...pointerAt(640, 500, 0));
  // By the same hand, with the right token: now it arrives, and what was sent before would have.
  await using byRight = await openRfb(shown.session.liveViewUrl);
  byRight.send(...keyA.down, ...keyA.up);
  await vi.waitFor(async () => expect((await shown.recorded()).text).not.toBe(''), patience);
  await stretch(1_000);
  const { clicks, keys, text } = await shown.recorded();
  expect({ clicks: clicks.length, keys, text }).toEqual({ clicks: 1, keys: ['a'], text: 'a' });
  expect(await onlooker.page.locator('#clipboard-button').isVisible()).toBe(false);
  expect(onlooker.offences).toEqual([]);

  byHand.send(99);
  expect(await byHand.closed).toMatchObject({ code: 1008 });
});

/** RFC 6143, 7.5.4 and 7.5.5. */
const keyA = { down: [4, 1, 0, 0, 0, 0, 0, 97], up: [4, 0, 0, 0, 0, 0, 0, 97] };
const pointerAt = (x: number, y: number, buttons: number): number[] => [5, buttons, x >> 8, x & 255, y >> 8, y & 255];

story('the clipboard goes both ways, and not to who may only look on', async () => {
  await using shown = await show();
  await using viewer = await look(shown.session.liveViewUrl, { permissions: ['clipboard-read', 'clipboard-write'] });
  await until(viewer, 'Live');
  await untilRed(viewer);
  await using onlooker = await openRfb(await readOnlyUrl(shown.session));
  await clickAt(viewer, 900, 600);

  await viewer.page.locator('#clipboard-button').click();
  await viewer.page.locator('#clipboard-text').fill('from the viewer: žluťoučký');
  await viewer.page.getByRole('button', { name: 'Send to the session' }).click();
  await vi.waitFor(async () => {
    await shown.page.locator('#field').fill('');
    await viewer.page.locator('#screen canvas').focus();
    await viewer.page.keyboard.press('Control+v');
    await stretch(300);
    expect((await shown.recorded()).text).toBe('from the viewer: žluťoučký');
  }, patience);

  await shown.page.locator('#field').fill('from the session: ěščř');
  await viewer.page.locator('#screen canvas').focus();
  await viewer.page.keyboard.press('Control+a');
  await viewer.page.keyboard.press('Control+c');
  const field = viewer.page.locator('#clipboard-text');
  await vi.waitFor(async () => expect(await field.inputValue()).toBe('from the session: ěščř'), patience);
  await viewer.page.getByRole('button', { name: 'Copy to this device' }).click();
  await vi.waitFor(async () => {
    expect(await viewer.page.evaluate('navigator.clipboard.readText()')).toBe('from the session: ěščř');
  }, patience);
  await viewer.page.evaluate("navigator.clipboard.writeText('of this device')");
  await viewer.page.getByRole('button', { name: 'Paste from this device' }).click();
  await vi.waitFor(async () => expect(await field.inputValue()).toBe('of this device'), patience);

  // That something was copied, he hears; never what.
  await vi.waitFor(() => expect(clipboardFlags(onlooker.received())).toContain(notifyFlag), patience);
  expect(clipboardFlags(onlooker.received()).filter((flag) => ![capsFlag, notifyFlag].includes(flag))).toEqual([]);
});

const capsFlag = 1 << 24;
const notifyFlag = 1 << 27;

/** What the server said of its clipboard, by the action of each message; a plain text is -1. Nothing else may have been said. */
function clipboardFlags(received: Buffer): readonly number[] {
  const flags: number[] = [];
  for (let at = 0; at < received.length;) {
    expect(received[at]).toBe(3);
    const length = received.readInt32BE(at + 4);
    const actions = length >= 0 ? -1 : received.readUInt32BE(at + 8) & 0x1f000000;
    flags.push(actions & capsFlag && actions !== -1 ? capsFlag : actions);
    at += 8 + Math.abs(length);
  }
  return flags;
}

story('Tab goes to the session, Shift+Esc out of it, and every control has a name', async () => {
  await using shown = await show();
  await using viewer = await look(shown.session.liveViewUrl);
  await until(viewer, 'Live');
  const focused = (): Promise<string> =>
    viewer.page.evaluate('document.activeElement.id || document.activeElement.tagName');
  await untilRed(viewer);
  await clickAt(viewer, 900, 600);
  await shown.page.locator('#field').focus();
  await viewer.page.keyboard.press('Tab');
  expect(await focused()).toBe('CANVAS');
  await vi.waitFor(async () => expect((await shown.recorded()).keys).toContain('Tab'), patience);
  await viewer.page.keyboard.press('Shift+Escape');
  expect(await focused()).toBe('clipboard-button');
  await viewer.page.keyboard.press('Enter');
  expect(await focused()).toBe('clipboard-text');
  await viewer.page.keyboard.press('Escape');
  expect(await focused()).toBe('clipboard-button');

  const { page } = viewer;
  expect(await page.locator('html').getAttribute('lang')).toBe('en');
  expect(await page.title()).toBe('Live view');
  await page.getByRole('toolbar', { name: 'Tools of the live view' }).waitFor();
  await page.getByRole('application', { name: "The session's screen" }).waitFor();
  expect(await page.getByRole('status').first().innerText()).toBe('Live');
  const unnamed = await page.evaluate(`[...document.querySelectorAll('button, textarea')]
    .filter((control) => !control.textContent.trim() && !control.labels?.length && !control.ariaLabel)
    .map((control) => control.id)`);
  expect(unnamed).toEqual([]);
});

describe('a session that ends', () => {
  story('is said to have ended, and why, and the page leaves it at that', async () => {
    await using shown = await show();
    await using viewer = await look(shown.session.liveViewUrl);
    await until(viewer, 'Live');
    await world.api.end(shown.session.id);
    await until(viewer, 'Ended');
    expect(await viewer.page.locator('#notice').innerText()).toContain('Somebody ended it.');
    let sockets = 0;
    viewer.page.on('websocket', () => (sockets += 1));
    await stretch(3_000);
    expect(sockets).toBe(0);
    expect(await viewer.status()).toBe('Ended');
    // Its link explains itself to whoever opens it now.
    await using late = await look(shown.session.liveViewUrl);
    await until(late, 'Ended');
  });

  story('of idleness says so, for an open live view is no activity', async () => {
    // Time enough to open it on a busy machine.
    const session = await world.api.create({ timeout: 12_000 });
    await using viewer = await look(session.liveViewUrl);
    await until(viewer, 'Live');
    await until(viewer, 'Ended');
    expect(await viewer.page.locator('#notice').innerText()).toContain('idle timeout');
  });

  story('lives on while somebody moves the pointer in its live view', async () => {
    const session = await world.api.create({ timeout: 10_000 });
    await using viewer = await look(session.liveViewUrl);
    await until(viewer, 'Live');
    const endAt = performance.now() + 20_000;
    for (let step = 0; performance.now() < endAt; step += 1) {
      const place = await placeOf(viewer, 400 + (step % 50), 400);
      await viewer.page.mouse.move(place.x, place.y);
      await stretch(300);
    }
    expect(await viewer.status()).toBe('Live');
    await world.api.end(session.id);
  });
});

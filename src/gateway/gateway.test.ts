import { createHash } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import CDP from 'chrome-remote-interface';
import { chromium as playwright } from 'playwright-core';
import { connect as connectPuppeteer } from 'puppeteer-core';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { startBareChromium } from '../../test/support/bare-chromium.ts';
import { attach, refusalOf, RefusedUpgrade } from '../../test/support/cdp-client.ts';
import { startGatewayWorld, tokenFor } from '../../test/support/gateway-world.ts';
import { patience } from '../../test/support/patience.ts';
import { startStandInAgent } from '../../test/support/stand-in-agent.ts';
import { browserAccounts } from '../api/v1alpha1/browser-account.ts';
import { browserSessions, type BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { encodeCloseFrame, encodeTextFrame } from '../lib/websocket-frames.ts';

const chromium = await startBareChromium();
const agent = await startStandInAgent(chromium);
const world = await startGatewayWorld({ agent });

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  await chromium[Symbol.asyncDispose]();
});

afterEach(() => {
  agent.onUpgrade = undefined;
});

const wsUrl = ({ metadata: { uid } }: BrowserSession, path = '', token = tokenFor(uid)): string =>
  `ws://${world.at}/sessions/${uid}${path}?token=${token}`;
const httpUrl = (session: BrowserSession, path = ''): string => wsUrl(session, path).replace(/^ws/, 'http');
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

/** The 101 of an agent, and whatever the test sends behind it. */
const letIn = (key: string): string => {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
};

/** Speaks to the gateway byte by byte. */
function openRaw(session: BrowserSession, headers = ''): Socket {
  const socket = connectTcp(world.gateway.port, '127.0.0.1').on('error', () => undefined);
  const { pathname, search } = new URL(wsUrl(session));
  const lines = [`GET ${pathname}${search} HTTP/1.1`, `Host: ${world.at}`, 'Connection: Upgrade', 'Upgrade: websocket'];
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
  socket.write(`${lines.join('\r\n')}\r\n${key}${headers}\r\n`);
  return socket;
}

const nextChunk = (socket: Socket): Promise<Buffer> => new Promise((resolve) => socket.once('data', resolve));

describe('clients attach and drive the browser:', () => {
  test('Playwright by the WebSocket URL', async () => {
    const browser = await playwright.connectOverCDP(wsUrl(await world.createSession()));
    const page = await browser.newPage();
    await page.goto('data:text/html,<title>seen</title>');
    expect(await page.title()).toBe('seen');
    await browser.close();
  });

  test('Playwright by the http form', async () => {
    const browser = await playwright.connectOverCDP(httpUrl(await world.createSession()));
    const page = await browser.newPage();
    await page.goto('data:text/html,<title>seen</title>');
    expect(await page.title()).toBe('seen');
    await browser.close();
  });

  test('Puppeteer, whose close() only detaches', async () => {
    const session = await world.createSession();
    const browser = await connectPuppeteer({ browserWSEndpoint: wsUrl(session) });
    const page = await browser.newPage();
    await page.goto('data:text/html,<title>seen</title>');
    expect(await page.title()).toBe('seen');
    await browser.close();
    await using client = await attach(wsUrl(session));
    expect(await client.call('Browser.getVersion')).toHaveProperty('product');
  });

  test('chrome-remote-interface by a page of its own, with /json/list, /json/new, /json/protocol and /json/close', async () => {
    const { hostname: host, port, pathname, search } = new URL(wsUrl(await world.createSession()));
    const alterPath = (path: string): string => `${pathname}${path}${path.includes('?') ? '&' : '?'}${search.slice(1)}`;
    const at = { host, port: Number(port), alterPath };
    const made = await CDP.New({ ...at, url: 'data:text/html,<title>made</title>' });
    expect((await CDP.List(at)).map((t) => t.id)).toContain(made.id);
    const client = await CDP({ ...at, target: made });
    await vi.waitFor(async () => {
      const { result } = await client.Runtime.evaluate({ expression: 'document.title' });
      expect(result.value).toBe('made');
    }, patience);
    await client.close();
    expect((await CDP.Protocol(at)).domains.length).toBeGreaterThan(20);
    await CDP.Close({ ...at, id: made.id });
    await vi.waitFor(async () => expect((await CDP.List(at)).map((t) => t.id)).not.toContain(made.id), patience);
  });

  test('chrome-remote-interface by the cdpUrl alone', async () => {
    const client = await CDP({ target: wsUrl(await world.createSession()) });
    expect(await client.Browser.getVersion()).toHaveProperty('product');
    await client.close();
  });

  test.each([
    ['the alias with the session id', (uid: string) => `/devtools/browser/${uid}?token=${tokenFor(uid)}`],
    ['a browser id in the session', (uid: string) => `/sessions/${uid}/devtools/browser/x?token=${tokenFor(uid)}`],
    ['the token alone', (uid: string) => `/devtools/browser/any?token=${tokenFor(uid)}`],
  ])('a bare WebSocket by %s', async (_what, path) => {
    const { metadata } = await world.createSession();
    await using client = await attach(`ws://${world.at}${path(metadata.uid)}`);
    expect(await client.call('Browser.getVersion')).toHaveProperty('product');
  });

  test('a page by the root form, as /json/list names it without its session', async () => {
    const session = await world.createSession();
    const pages = (await (await fetch(httpUrl(session, '/json'))).json()) as { id: string }[];
    const page = `ws://${world.at}/devtools/page/${pages[0]?.id ?? ''}?token=${tokenFor(session.metadata.uid)}`;
    await using client = await attach(page);
    expect(await client.call('Runtime.evaluate', { expression: '6*7' })).toMatchObject({ result: { value: 42 } });
  });

  test('chromedp, which reads /json/version at the root and dials what it names', async () => {
    const { uid } = (await world.createSession()).metadata;
    const answer = await fetch(`http://${world.at}/json/version?token=${tokenFor(uid)}`);
    const { webSocketDebuggerUrl } = (await answer.json()) as { webSocketDebuggerUrl: string };
    await using client = await attach(webSocketDebuggerUrl);
    expect(client.isOpen).toBe(true);
  });

  test('a screenshot of several megabytes, whole', async () => {
    const browser = await playwright.connectOverCDP(wsUrl(await world.createSession()));
    const page = await browser.newPage({ viewport: { width: 1800, height: 1800 } });
    await page.setContent(`<canvas width=1800 height=1800></canvas><script>
      const context = document.querySelector('canvas').getContext('2d');
      const noise = context.createImageData(1800, 1800);
      for (let i = 0; i < noise.data.length; i++) noise.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
      context.putImageData(noise, 0, 0);
    </script>`);
    const image = await page.screenshot();
    expect(image.length).toBeGreaterThan(5_000_000);
    expect(image.subarray(-8, -4).toString()).toBe('IEND');
    await browser.close();
  });

  test('a call of 20 MB', async () => {
    await using client = await attach(wsUrl(await world.createSession()));
    const answer = client.call('Target.getTargetInfo', { targetId: 'x'.repeat(20_000_000) });
    await expect(answer).rejects.toThrow('No target with given id found');
  });
});

/** 101 when it is let in. */
async function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  try {
    await using client = await attach(url, headers);
    return client.isOpen ? 101 : 0;
  } catch (error) {
    if (error instanceof RefusedUpgrade) return error.status;
    throw error;
  }
}

describe('the door', () => {
  test.each([
    ['without anything', 401, undefined, {}],
    ['with an unknown key', 401, undefined, bearer('nobody')],
    ["with the session's key", 101, undefined, bearer('key-of-a')],
    ['with a token of the live view', 401, 'live', {}],
    ['with a token that has expired', 401, 'expired', {}],
    ['with a bad token and a good key', 101, 'bad', bearer('key-of-a')],
  ])('is tried %s: %s', async (_how, status, token, headers) => {
    const session = await world.createSession();
    const { uid } = session.metadata;
    const tokens: Record<string, string> = {
      live: tokenFor(uid, 'live'),
      expired: tokenFor(uid, 'cdp', -2_000),
      bad: `${tokenFor(uid)}x`,
    };
    const url = token === undefined ? wsUrl(session).replace(/\?.*/, '') : wsUrl(session, '', tokens[token]);
    expect(await statusOf(url, headers)).toBe(status);
  });

  test("answers for nobody's, somebody else's and an ended session with the same words", async () => {
    await world.createAccount('b', 'key-of-b');
    const [mine, other] = [await world.createSession(), await world.createSession({ account: 'b' })];
    const ended = await world.createSession();
    await world.store.patchStatus(browserSessions, ended.metadata, { phase: 'Ended' });
    const none = 'f0e1d2c3-0000-4000-8000-000000000000';
    const at = (uid: string): string => `http://${world.at}/sessions/${uid}/json/version`;
    const asked = [
      fetch(at(none), { headers: bearer('key-of-a') }),
      fetch(at(other.metadata.uid), { headers: bearer('key-of-a') }),
      fetch(`${at(other.metadata.uid)}?token=${tokenFor(mine.metadata.uid)}`),
      fetch(`${at(ended.metadata.uid)}?token=${tokenFor(ended.metadata.uid)}`),
      fetch(`${at(none)}?token=${tokenFor(none)}`),
    ];
    for (const answer of await Promise.all(asked)) {
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(await answer.text()).toBe('There is no such session.\n');
    }
  });

  test('is open for a session that only the store knows yet', async () => {
    const listed = await world.createSession();
    const blind = {
      synced: Promise.resolve(),
      lastContactMs: 0,
      list: () => [],
      byIndex: () => [],
      get: () => undefined,
      byUid: () => undefined,
      onChange: () => ({ [Symbol.dispose]: () => undefined }),
    };
    await using lagging = await startGatewayWorld({ agent, store: world.store, sessions: blind, pods: blind });
    await using client = await attach(wsUrl(listed).replace(world.at, lagging.at));
    expect(await client.call('Browser.getVersion')).toHaveProperty('product');
  });

  test('waits a moment for a session that is starting', async () => {
    const session = await world.createSession({ phase: 'Starting' });
    const attached = attach(wsUrl(session));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await world.makeReady(session);
    await using client = await attached;
    expect(client.isOpen).toBe(true);
  });

  test('does not wait for ever', async () => {
    expect(await refusalOf(wsUrl(await world.createSession({ phase: 'Starting' })))).toBe(503);
  });

  test('says 404 for a page that is not there', async () => {
    expect(await refusalOf(wsUrl(await world.createSession(), '/devtools/page/ABC'))).toBe(404);
  });

  test('says 502 when the sandbox does not answer', async () => {
    agent.onUpgrade = (socket) => void socket.destroy();
    expect(await refusalOf(wsUrl(await world.createSession()))).toBe(502);
  });

  test('never dials another pod of the same name', async () => {
    const session = await world.createSession();
    const { sandbox } = (await world.store.get(browserSessions, session.metadata))?.status ?? {};
    await world.store.patchStatus(browserSessions, session.metadata, { sandbox: { ...sandbox, podUID: 'another' } });
    expect(await refusalOf(wsUrl(session))).toBe(404);
  });

  test('lets in only so many at once', async () => {
    await using small = await startGatewayWorld({ agent, maxConnectionsPerSession: 2 });
    const session = await small.createSession();
    const url = wsUrl(session).replace(world.at, small.at);
    await using _first = await attach(url);
    const second = await attach(url);
    expect(await refusalOf(url)).toBe(429);
    await second[Symbol.asyncDispose]();
    await vi.waitFor(async () => (await attach(url))[Symbol.asyncDispose](), patience);
  });

  test('drops sandboxes unheard', async () => {
    await using shut = await startGatewayWorld({ agent, refusePeer: (address) => address === '127.0.0.1' });
    await expect(fetch(`http://${shut.at}/json/version`)).rejects.toThrow();
    expect(await shut.registry.metrics()).toContain('porthole_gateway_refused_total{reason="peer"} 1');
  });
});

describe('upstream', () => {
  test('hears nothing of the client but path, key, version and protocol, and the ticket', async () => {
    const session = await world.createSession();
    const headers = {
      origin: 'https://evil.example',
      cookie: 'a=b',
      'x-forwarded-for': '1.2.3.4',
      ...bearer('key-of-a'),
    };
    agent.requests.length = 0;
    const socket = new WebSocket(wsUrl(session), { headers, perMessageDeflate: true });
    await new Promise((resolve) => socket.once('open', resolve));
    expect(socket.extensions).toBe('');
    socket.terminate();
    const [{ url, headers: seen } = { url: '', headers: {} }] = agent.requests;
    expect(url).toBe('/cdp/browser');
    expect(Object.keys(seen).sort()).toEqual([
      'authorization',
      'connection',
      'host',
      'sec-websocket-key',
      'sec-websocket-version',
      'upgrade',
    ]);
    expect(seen.authorization).toMatch(new RegExp(`^Bearer [^/]+/${session.metadata.uid}/cdp$`));
  });

  test('may answer in the packet of its 101: the client gets the 101 alone', async () => {
    agent.onUpgrade = (socket, key) =>
      void socket.write(Buffer.concat([Buffer.from(letIn(key)), encodeTextFrame('{"early":true}')]));
    const socket = openRaw(await world.createSession());
    const head = await nextChunk(socket);
    expect(head.toString()).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\n$/);
    expect(head.indexOf('\r\n\r\n')).toBe(head.length - 4);
    expect((await nextChunk(socket)).subarray(2).toString()).toBe('{"early":true}');
    socket.destroy();
  });

  test('gets what the client sent before the 101', async () => {
    const heard: Buffer[] = [];
    agent.onUpgrade = (socket, key) =>
      void socket.on('data', (data: Buffer) => void heard.push(data)).write(letIn(key));
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x7b, 0x7d]);
    const socket = openRaw(await world.createSession());
    socket.write(frame);
    await vi.waitFor(() => expect(Buffer.concat(heard)).toEqual(frame), patience);
    socket.destroy();
  });
});

describe('Browser.close', () => {
  const call = '{"id":7,"method":"Browser.close"}';

  test('is answered and detaches, and the browser lives on', async () => {
    const session = await world.createSession();
    const client = await attach(wsUrl(session));
    expect(await client.call('Browser.close')).toEqual({});
    expect((await client.closed).code).toBe(1000);
    await using again = await attach(wsUrl(session));
    expect(await again.call('Browser.getVersion')).toHaveProperty('product');
  });

  test.each([
    [
      'in fragments',
      (socket: WebSocket) => {
        socket.send(call.slice(0, 20), { fin: false });
        socket.ping();
        socket.send(call.slice(20), { fin: true });
      },
    ],
    ['with an escape', (socket: WebSocket) => socket.send('{ "method" : "Browser\\u002eclose" , "id" : 7 }')],
  ])('is withheld %s', async (_how, send) => {
    const session = await world.createSession();
    const socket = new WebSocket(wsUrl(session));
    await new Promise((resolve) => socket.once('open', resolve));
    const answer = new Promise((resolve) => socket.once('message', (m: Buffer) => resolve(m.toString())));
    const code = new Promise((resolve) => socket.once('close', resolve));
    send(socket);
    expect(await answer).toBe('{"id":7,"result":{}}');
    expect(await code).toBe(1000);
    await using again = await attach(wsUrl(session));
    expect(again.isOpen).toBe(true);
  });
});

describe('close codes', () => {
  test('1000 as the client said it, when the client leaves', async () => {
    const client = await attach(wsUrl(await world.createSession()));
    await client[Symbol.asyncDispose]();
    expect((await client.closed).code).toBe(1000);
  });

  test('1001 at once when the session is deleted', async () => {
    const session = await world.createSession();
    const client = await attach(wsUrl(session));
    const startedMs = performance.now();
    await world.store.delete(browserSessions, session.metadata);
    expect((await client.closed).code).toBe(1001);
    expect(performance.now() - startedMs).toBeLessThan(250);
  });

  test('1001 when the session ends', async () => {
    const session = await world.createSession();
    const client = await attach(wsUrl(session));
    await world.store.patchStatus(browserSessions, session.metadata, { phase: 'Ended' });
    expect((await client.closed).code).toBe(1001);
  });

  test('1008 when the account goes, or the key that opened it', async () => {
    const account = await world.createAccount('c', 'key-of-c');
    const session = await world.createSession({ account: 'c' });
    const byKey = await attach(wsUrl(session).replace(/\?.*/, ''), bearer('key-of-c'));
    const byToken = await attach(wsUrl(session));
    await world.store.patch(browserAccounts, account.metadata, { spec: { apiKeyHashes: [] } });
    expect((await byKey.closed).code).toBe(1008);
    expect(byToken.isOpen).toBe(true);
    await world.store.delete(browserAccounts, account.metadata);
    expect((await byToken.closed).code).toBe(1008);
  });

  test('1009 from the header alone for more than 100 MB', async () => {
    agent.onUpgrade = (socket, key) => void socket.resume().write(letIn(key));
    const socket = openRaw(await world.createSession());
    await nextChunk(socket);
    socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x06, 0x40, 0, 0, 1, 2, 3, 4]));
    expect((await nextChunk(socket)).readUInt16BE(2)).toBe(1009);
    socket.destroy();
  });

  test('1003 for binary frames', async () => {
    const socket = new WebSocket(wsUrl(await world.createSession()));
    const code = new Promise((resolve) => socket.once('close', resolve));
    socket.once('open', () => socket.send(Buffer.from('{}'), { binary: true }));
    expect(await code).toBe(1003);
  });

  test('1011 when the connection to the browser breaks', async () => {
    let upstream: Socket | undefined;
    agent.onUpgrade = (socket, key) => {
      upstream = socket;
      socket.resume().write(letIn(key));
    };
    const client = await attach(wsUrl(await world.createSession()));
    upstream?.destroy();
    expect((await client.closed).code).toBe(1011);
  });

  test("the browser's own, when it says one", async () => {
    agent.onUpgrade = (socket, key) => {
      socket.resume().write(letIn(key));
      setTimeout(() => socket.end(encodeCloseFrame(1013, 'later')), 50);
    };
    const client = await attach(wsUrl(await world.createSession()));
    expect(await client.closed).toEqual({ code: 1013, reason: 'later' });
  });

  test('come behind the frame that has begun, never in it', async () => {
    let upstream: Socket | undefined;
    agent.onUpgrade = (socket, key) => {
      upstream = socket;
      socket.resume().write(letIn(key));
    };
    const session = await world.createSession();
    const socket = new WebSocket(wsUrl(session));
    const message = new Promise((resolve) => socket.once('message', (m: Buffer) => resolve(m.toString())));
    const code = new Promise((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('open', resolve));
    const frame = encodeTextFrame('x'.repeat(1000));
    upstream?.write(frame.subarray(0, 500));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await world.store.delete(browserSessions, session.metadata);
    await new Promise((resolve) => setTimeout(resolve, 50));
    upstream?.write(Buffer.concat([frame.subarray(500), encodeTextFrame('not this')]));
    expect(await message).toBe('x'.repeat(1000));
    expect(await code).toBe(1001);
  });

  test('1012 on a drain, once the wait is over', async () => {
    const draining = await startGatewayWorld({ agent, drainMs: 300 });
    const url = wsUrl(await draining.createSession()).replace(world.at, draining.at);
    const client = await attach(url);
    const drained = draining.gateway.drain();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(client.isOpen).toBe(true);
    await expect(fetch(`http://${draining.at}/`)).rejects.toThrow();
    expect((await client.closed).code).toBe(1012);
    await drained;
    await draining[Symbol.asyncDispose]();
  });
});

describe('a client that reads nothing', () => {
  test('is ended, and does not fill the memory', { timeout: 40_000 }, async () => {
    let upstream: Socket | undefined;
    agent.onUpgrade = (socket, key) => {
      upstream = socket;
      socket.resume().write(letIn(key));
    };
    const socket = openRaw(await world.createSession());
    await nextChunk(socket);
    socket.pause();
    const closed = new Promise((resolve) => upstream?.once('close', resolve));
    const startedMs = performance.now();
    const frame = encodeTextFrame('x'.repeat(1_000_000));
    let written = 0;
    const pour = (): void => {
      while (written++ < 200 && upstream?.write(frame));
    };
    upstream?.on('drain', pour);
    pour();
    await closed;
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(10_000);
    expect(tookMs).toBeLessThan(17_000);
    expect(written).toBeLessThan(200);
    socket.destroy();
    const counted = 'porthole_gateway_closes_total{code="stalled"} 1';
    await vi.waitFor(async () => expect(await world.registry.metrics()).toContain(counted), patience);
  });
});

describe('plain HTTP', () => {
  test('/json/version and /json/list name addresses of the gateway, with the token, and pages only', async () => {
    const session = await world.createSession();
    const version = (await (await fetch(httpUrl(session, '/json/version/'))).json()) as Record<string, string>;
    const list = (await (await fetch(httpUrl(session, '/json/list'))).json()) as Record<string, string>[];
    const base = `ws://${world.at}/sessions/${session.metadata.uid}/devtools`;
    expect(version['Browser']).toMatch(/^Chrome\//);
    expect(version['webSocketDebuggerUrl']).toMatch(new RegExp(`^${base}/browser/[0-9a-f-]+\\?token=.+`));
    expect(list.length).toBeGreaterThan(0);
    for (const target of list) {
      expect(target['type']).toBe('page');
      expect(target['webSocketDebuggerUrl']).toContain(`${base}/page/${target['id'] ?? ''}?token=`);
      const frontend = new URL(target['devtoolsFrontendUrl'] ?? '');
      expect(frontend.host).toBe(world.at);
      await using client = await attach(`ws://${frontend.searchParams.get('ws') ?? ''}`);
      expect(client.isOpen).toBe(true);
    }
  });

  test('the DevTools front-end comes from Chromium, its parts by the cookie of its page, which opens nothing else', async () => {
    const session = await world.createSession();
    const page = await fetch(httpUrl(session, '/devtools/inspector.html'));
    expect(await page.text()).toContain('inspector.js');
    const cookie = page.headers.get('set-cookie') ?? '';
    expect(cookie).toContain(`Path=/sessions/${session.metadata.uid}/devtools/; HttpOnly; SameSite=Strict`);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    const get = (path: string, init = {}): Promise<Response> =>
      fetch(`http://${world.at}/sessions/${session.metadata.uid}${path}`, init);
    const part = await get('/devtools/entrypoints/inspector/inspector.js', { headers });
    expect([part.status, part.headers.get('content-type')]).toEqual([200, 'text/javascript']);
    expect((await get('/devtools/entrypoints/inspector/inspector.js')).status).toBe(401);
    expect((await get('/json/list', { headers })).status).toBe(401);
    expect(await refusalOf(wsUrl(session).replace(/\?.*/, ''), headers)).toBe(401);
  });

  test('a Bearer key gets addresses that work without it', async () => {
    const { uid } = (await world.createSession()).metadata;
    const answer = await fetch(`http://${world.at}/sessions/${uid}/json/version`, { headers: bearer('key-of-a') });
    const { webSocketDebuggerUrl } = (await answer.json()) as { webSocketDebuggerUrl: string };
    await using client = await attach(webSocketDebuggerUrl);
    expect(client.isOpen).toBe(true);
  });

  test.each([
    ['GET', '', 426],
    ['POST', '/json/version', 405],
    ['DELETE', '', 405],
    ['GET', '/nothing', 404],
    ['GET', '/json/new', 405],
    ['GET', '/json/close/ABC', 404],
    ['GET', '/devtools/../json/version', 200],
  ])('%s %s is answered %i', async (method, path, status) => {
    expect((await fetch(httpUrl(await world.createSession(), path), { method })).status).toBe(status);
  });

  test.each([
    ['GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n', '401'],
    ['nonsense\r\n\r\n', '400'],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431'],
    ['GET /?token=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', '400'],
  ])('%j is answered with text', async (request, status) => {
    const socket = connectTcp(world.gateway.port, '127.0.0.1').on('error', () => undefined);
    socket.write(request);
    const answer = (await nextChunk(socket)).toString();
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('content-type: text/plain');
    socket.destroy();
  });
});

test('no log line and no metric holds a token or names a session', async () => {
  const session = await world.createSession();
  const token = tokenFor(session.metadata.uid);
  await (await attach(wsUrl(session, '', token)))[Symbol.asyncDispose]();
  const metrics = await world.registry.metrics();
  expect(metrics).not.toContain(session.metadata.uid);
  expect(metrics).not.toContain('token');
  expect(metrics).toMatch(/porthole_gateway_bytes_total\{direction="to_client"\} [1-9]/);
});

test('at the end nobody is counted who has left', async () => {
  await vi.waitFor(async () => {
    const metrics = await world.registry.metrics();
    for (const kind of ['browser', 'page'])
      expect(metrics).toContain(`porthole_gateway_connections{kind="${kind}"} 0\n`);
  }, patience);
});

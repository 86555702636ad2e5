import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ClusterWorld } from '../support/cluster-world.ts';
import type { EmbeddedWorld } from '../support/embedded-world.ts';
import { freePort } from '../support/free-port.ts';
import { createKubectl, sessionManifest } from '../support/kubectl.ts';
import { exposePort } from '../support/other-networks.ts';
import { startPageServer, type PageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';
import {
  login,
  managedPassword,
  noRealProxies,
  startDante,
  startMicrosocks,
  startNotingUpstream,
  startSquid,
  type NotingUpstream,
  type RunningUpstream,
} from '../support/upstream-proxies.ts';
import { isEmbedded, startWorld, upstreamHost, type World } from '../support/world.ts';

/** Of a process that may have ended meanwhile. */
function readOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

interface ShownProxy {
  readonly proxyUrl?: string;
  readonly proxy?: object;
}

const sessions = '/api/v1/browser/sessions';
const goodUrl = (scheme: string, port: number): string =>
  `${scheme}://${login.username}:${login.password}@${upstreamHost}:${port}`;

describe.skipIf(noRealProxies)('proxies', () => {
  const stack = new AsyncDisposableStack();
  let world: World;
  let pages: PageServer;
  let squid: RunningUpstream;
  let noting: NotingUpstream;
  let secure: NotingUpstream;

  beforeAll(async () => {
    squid = stack.use(await startSquid());
    noting = stack.use(await startNotingUpstream());
    secure = stack.use(await startNotingUpstream({ isTls: true, host: upstreamHost }));
    const identity = (scheme: string, port: number): string =>
      `${scheme}://{location}-{session}:${managedPassword}@${upstreamHost}:${port}`;
    const providers = [
      { name: 'acme', spec: { locations: { de: identity('http', noting.port), us: identity('http', noting.port) } } },
      { name: 'secure', spec: { locations: { jp: identity('https', secure.port) }, caBundle: secure.ca } },
    ];
    const warm = { min: 2, max: 2 };
    world = stack.use(await startWorld({ warm, providers, loopbackByProxy: true, logLevel: 'trace' }));
    pages = stack.use(await startPageServer());
    for (const { port } of [squid, noting, secure]) stack.use(await exposePort(upstreamHost, port));
  }, 240_000);
  afterAll(() => stack.disposeAsync());

  async function inSession<T>(body: object, story: (page: Page, id: string) => Promise<T>): Promise<T> {
    const { id, cdpUrl } = await world.api.create(body);
    const browser = await chromium.connectOverCDP(cdpUrl);
    try {
      const [context] = browser.contexts();
      if (!context) throw new Error('the browser has no context');
      return await story(await context.newPage(), id);
    } finally {
      await browser.close();
      await world.api.end(id);
    }
  }
  const titleAt = async (page: Page, path: string): Promise<string> => {
    await page.goto(`${pages.url}${path}`);
    return page.title();
  };

  test.each([
    ['http', () => Promise.resolve(squid)],
    ['socks5', async () => stack.use(await startMicrosocks())],
    ['socks4', async () => stack.use(await startDante())],
  ] as const)('a page comes by way of %s', async (scheme, upstreamOf) => {
    const upstream = await upstreamOf();
    if (upstream !== squid) stack.use(await exposePort(upstreamHost, upstream.port));
    const body = { proxyUrl: goodUrl(scheme, upstream.port) };
    const port = new URL(pages.url).port;
    await inSession(body, async (page) => {
      expect(await titleAt(page, scheme)).toBe(`Page /${scheme}`);
      await vi.waitFor(async () => expect(await upstream.log()).toContain(port), patience);
    });
  });

  test('a managed one is an https proxy whose certificate the provider knows', async () => {
    await inSession({ proxy: { location: 'jp' } }, async (page) => {
      expect(await titleAt(page, 'secure')).toBe('Page /secure');
    });
    expect(secure.requests[0]?.user).toMatch(/^jp-[0-9a-f]{12}$/);
  });

  test('a sticky session has one identity for its whole life, and others a new one each connection', async () => {
    const origins = await Promise.all([1, 2, 3].map(() => startPageServer()));
    for (const origin of origins) stack.use(origin);
    const identitiesOf = async (sticky: boolean): Promise<Set<string>> => {
      noting.requests.length = 0;
      await inSession({ proxy: { provider: 'acme', location: 'us', sticky } }, async (page) => {
        // Through tunnels, each of which is a connection: WebSockets.
        for (const { url } of origins) {
          await page.goto(url);
          const address = url.replace('http', 'ws');
          await page.evaluate(`new Promise((done) => { new WebSocket('${address}').onopen = done; })`);
        }
      });
      // Chromium has errands of its own, and that of the session before may still be on one.
      return new Set(noting.requests.filter(({ host }) => host === '127.0.0.1').map(({ user }) => user));
    };
    const [first, second] = [await identitiesOf(true), await identitiesOf(true)];
    expect([first.size, second.size]).toEqual([1, 1]);
    expect(first).not.toEqual(second);
    expect((await identitiesOf(false)).size).toBeGreaterThan(2);
  });

  test('the answers show the proxy: the password once, to whoever sent it', async () => {
    const proxyUrl = goodUrl('http', squid.port);
    const hidden = proxyUrl.replace(login.password, '***');
    const key = { headers: { 'idempotency-key': `k-${squid.port}` } };
    const created = await world.api.call('POST', sessions, { proxyUrl }, key);
    expect(created.status, created.text).toBe(201);
    const { id } = created.session();
    expect((created.json() as ShownProxy).proxyUrl).toBe(proxyUrl);
    const again = await world.api.call('POST', sessions, { proxyUrl }, key);
    expect([again.session().id, (again.json() as ShownProxy).proxyUrl]).toEqual([id, proxyUrl]);
    expect(((await world.api.read(id)) as ShownProxy).proxyUrl).toBe(hidden);
    expect((await world.api.list()).map((session) => (session as ShownProxy).proxyUrl)).toEqual([hidden]);
    await world.api.end(id);

    const managed = await world.api.create({ proxy: { location: 'de' } });
    const shown = { enabled: true, provider: 'acme', location: 'de', sticky: false };
    expect((managed as ShownProxy).proxy).toEqual(shown);
    expect(((await world.api.read(managed.id)) as ShownProxy).proxy).toEqual(shown);
    await world.api.end(managed.id);
  });

  test.each([
    [{ location: 'fr' }, 'proxy.location', 'known are: de, jp, us'],
    [{ provider: 'nobody' }, 'proxy.provider', 'known are: acme, secure'],
  ])('%j is refused with what there is', async (proxy, path, message) => {
    const answer = await world.api.call('POST', sessions, { proxy });
    expect(answer.status).toBe(400);
    expect(answer.problem().details).toEqual([{ path, message: expect.stringContaining(message) as string }]);
  });

  test('wrong credentials, nobody there, a forbidden address: the page says which', async () => {
    const port = await freePort();
    const troubles = [
      [`http://${login.username}:wrong@${upstreamHost}:${squid.port}`, 'upstream_authentication_failed'],
      [goodUrl('socks5', port), 'upstream_unreachable'],
      [goodUrl('http', port).replace(upstreamHost, '10.11.12.13'), 'upstream_not_allowed'],
      ['http://169.254.169.254:80', 'upstream_not_allowed'],
    ] as const;
    for (const [proxyUrl, code] of troubles) {
      await inSession({ proxyUrl }, async (page) => {
        await page.goto(`${pages.url}never`);
        expect(await page.textContent('body')).toContain(`(${code})`);
        await expect(page.goto('https://example.com/')).rejects.toThrow('ERR_TUNNEL_CONNECTION_FAILED');
      });
    }
    expect(pages.visits).not.toContain('/never');
  });

  test('nothing inside is asked for through the proxy, and no name is resolved on the way', async () => {
    noting.requests.length = 0;
    await inSession({ proxy: { provider: 'acme' } }, async (page) => {
      const inside = ['10.0.0.1', '[::ffff:10.0.0.1]', '0xa9fea9fe', '169.254.169.254', 'metadata.google.internal'];
      const named = ['kubernetes.default.svc', 'kubernetes', 'db.localdomain'];
      for (const host of [...inside, ...named]) {
        const response = await page.goto(`http://${host}/`);
        expect([host, response?.status()]).toEqual([host, 403]);
      }
      await page.goto('http://a-name-that-only-the-proxy-hears.invalid/').catch(() => undefined);
    });
    // Chromium has errands of its own at its maker's.
    const asked = noting.requests
      .map(({ host }) => host)
      .filter((host) => !/\.(google|googleapis|gstatic)\.com$/.test(host));
    expect(new Set(asked)).toEqual(new Set(['a-name-that-only-the-proxy-hears.invalid']));
  });

  test('WebRTC tells no address of this machine', async () => {
    await inSession({ proxy: { provider: 'acme' } }, async (page) => {
      await page.goto(pages.url);
      const candidates = await page.evaluate(`new Promise((done) => {
        const found = [];
        const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:3478' }] });
        peer.onicecandidate = ({ candidate }) => candidate && found.push(candidate.candidate);
        peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done(found);
        peer.createDataChannel('x');
        void peer.setLocalDescription();
      })`);
      expect((candidates as string[]).filter((text) => text !== '')).toEqual([]);
    });
  });

  test('the password is in a Secret and nowhere else: no object, no log, no process', async () => {
    const { id } = await world.api.create({ proxyUrl: goodUrl('http', squid.port) });
    const { pid } = world as EmbeddedWorld | ClusterWorld;
    const family = [pid, ...world.sandboxProcesses().map((process) => process.pid)];
    const spoken = family.flatMap((one) => ['cmdline', 'environ'].map((name) => readOf(`/proc/${one}/${name}`)));
    expect(spoken.join('').length).toBeGreaterThan(0);
    expect(spoken.filter((text) => text.includes(login.password))).toEqual([]);
    expect((await readObjects()).includes(login.password)).toBe(false);
    await world.api.end(id);
    await vi.waitFor(() => expect(world.log()).toContain(id), patience);
    expect(
      world
        .log()
        .split('\n')
        .filter((line) => line.includes(login.password)),
    ).toEqual([]);
  });

  /** Everything that is stored but for Secrets. */
  async function readObjects(): Promise<string> {
    if (isEmbedded) return readFileSync(join((world as EmbeddedWorld).place.dataDir, 'state.json'), 'utf8');
    const kinds = 'browsersessions,browserpools,browseraccounts,pods,configmaps,events';
    return (world as ClusterWorld).kubectl(['get', kinds, '--all-namespaces', '--output=yaml']);
  }

  test('what went in and out is counted for account and pool', async () => {
    await inSession({ proxyUrl: goodUrl('http', squid.port) }, (page) => titleAt(page, 'counted'));
    const urls = isEmbedded ? [world.metricsUrl] : Object.values((world as ClusterWorld).metricsUrls);
    await vi.waitFor(async () => {
      const texts = await Promise.all(urls.map(async (url) => (await fetch(new URL('/metrics', url))).text()));
      const line = /^porthole_session_traffic_bytes_total\{account="default",pool="default",direction="in"\} (\d+)$/m;
      expect(Number(line.exec(texts.join('\n'))?.[1])).toBeGreaterThan(100);
    }, patience);
  });

  describe.skipIf(isEmbedded)('by kubectl', () => {
    const secret = (name: string, stringData: object): object => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      stringData,
    });
    const proxyReady = (reason: string) => expect.objectContaining({ type: 'ProxyReady', reason }) as object;

    test('a session says how its proxy fares, and what it sent', async () => {
      const kubectl = createKubectl(world as ClusterWorld);
      const spec = { proxyUrlSecretRef: { name: 'mine', key: 'url' } };
      await kubectl.apply([sessionManifest('proxied', spec), secret('mine', { url: goodUrl('http', squid.port) })]);
      await kubectl.ready('proxied');
      const until = (name: string, reason: string): Promise<void> =>
        vi.waitFor(async () => {
          expect((await kubectl.session(name))?.status?.conditions).toContainEqual(proxyReady(reason));
        }, patience);
      await until('proxied', 'UpstreamReady');
      expect((await kubectl.session('proxied'))?.status?.traffic?.bytesIn).toBeGreaterThan(0);
      await kubectl.end('proxied');

      const url = `http://${login.username}:wrong@${upstreamHost}:${squid.port}`;
      const wrong = sessionManifest('wrong', { proxyUrlSecretRef: { name: 'theirs', key: 'url' } });
      await kubectl.apply([secret('theirs', { url }), wrong]);
      await until('wrong', 'UpstreamAuthenticationFailed');
      await kubectl.end('wrong');
    });

    test('a managed proxy logs in with what its Secret holds; one that is missing is named', async () => {
      const kubectl = createKubectl(world as ClusterWorld);
      const spec = {
        locations: { fr: `http://{username}-{session}:{password}@${upstreamHost}:${noting.port}` },
        credentialsSecretRef: { name: 'french' },
      };
      const provider = {
        apiVersion: 'porthole.dev/v1alpha1',
        kind: 'ProxyProvider',
        metadata: { name: 'french' },
        spec,
      };
      await kubectl.apply([provider, secret('french', { username: 'jean', password: managedPassword })]);
      await kubectl.apply(sessionManifest('french', { proxy: { location: 'fr', sticky: true } }));
      await kubectl.ready('french');
      await kubectl.apply(sessionManifest('lost', { proxyUrlSecretRef: { name: 'nowhere', key: 'url' } }));
      const { status } = await kubectl.ended('lost');
      expect(status?.endReason).toBe('CapabilityUnavailable');
      expect(JSON.stringify(status?.conditions)).toContain('Secret nowhere');
      await kubectl.end('french', 'lost');
    });
  });
});

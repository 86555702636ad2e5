import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as startRequest } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import {
  login,
  managedPassword,
  noRealProxies,
  startDante,
  startMicrosocks,
  startNotingUpstream,
  startSquid,
} from '../../test/support/upstream-proxies.ts';
import type { TicketClaims } from '../api/agent/contract.ts';
import type { UpstreamOrder } from '../api/agent/wire.ts';
import { parseCidrList } from '../lib/net-address.ts';
import { createTicketKeyPair, signTicket } from '../lib/ticket.ts';
import { startProxy, type RunningProxy } from './start.ts';

/** Other tests' pods have other addresses. */
const podIp = '127.77.242.1';
const podUid = 'pod';
const { privateKey, publicKeyText } = createTicketKeyPair();
const patience = { timeout: 20_000 };

const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of stack.splice(0).reverse()) await one[Symbol.asyncDispose]();
});
const keep = <T extends AsyncDisposable>(one: T): T => {
  stack.push(one);
  return one;
};

interface Sidecar extends RunningProxy {
  /** Names that this side asked a resolver for. */
  readonly looked: string[];
}

async function startSidecar({ allow = '127.0.0.0/8,::1/128', upstreamAllow = '' } = {}): Promise<Sidecar> {
  const looked: string[] = [];
  const lookup = (host: string): Promise<readonly string[]> => {
    looked.push(host);
    return host === 'upstream.test' ? Promise.resolve(['127.0.0.1']) : Promise.reject(new Error('no such name'));
  };
  const proxy = await startProxy({
    settings: {
      ...{ podIp, podUid, ticketKey: publicKeyText, isVerbose: false, egressDenyPorts: new Set<number>() },
      ...{ egressAllow: parseCidrList(allow), upstreamAllow: parseCidrList(upstreamAllow) },
    },
    log: () => undefined,
    listen: { proxy: 0, health: 0 },
    lookup,
  });
  return keep({ ...proxy, looked });
}

const sha256 = (body: string): string => createHash('sha256').update(body).digest('base64url');

async function bind(
  { ports }: Sidecar,
  order: Partial<UpstreamOrder>,
  claims: Partial<TicketClaims> = {},
): Promise<number> {
  const body = JSON.stringify({ isInternalAllowed: false, ...order });
  const expiresAt = Math.ceil(Date.now() / 1000) + 60;
  const fit = { podUid, sessionUid: 's', purpose: 'upstream', expiresAt, bodySha256: sha256(body), ...claims };
  const headers = { authorization: `Bearer ${signTicket(privateKey, fit)}` };
  const asking = startRequest({ host: podIp, port: ports.health, path: '/v1/upstream', method: 'POST', headers });
  asking.end(body);
  const [answer] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
  answer.resume();
  return answer.statusCode ?? 0;
}

/** A page; what it says names who asked. */
async function startPage(body = 'the page'): Promise<number> {
  const server = createServer((request, response) => response.end(`${body} ${request.url ?? ''}`)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  keep({
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await Promise.resolve();
    },
  });
  return (server.address() as AddressInfo).port;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly reason: string | undefined;
}

/** In the clear, in absolute form. */
async function get({ ports }: Sidecar, url: string): Promise<Answer> {
  const asking = startRequest({ host: podIp, port: ports.proxy, path: url, agent: false }).end();
  const [answer] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
  const reason = answer.headers['x-porthole-egress'];
  return { status: answer.statusCode ?? 0, body: await text(answer), reason: reason as string | undefined };
}

/** The same through a tunnel. */
async function getInTunnel({ ports }: Sidecar, authority: string, path = '/t'): Promise<Answer> {
  const socket: Socket = connect({ host: podIp, port: ports.proxy });
  socket.on('error', () => undefined);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  const status = Number(head.toString().split(' ')[1]);
  const reason = /^x-porthole-egress: (.*)$/im.exec(head.toString())?.[1]?.trim();
  if (status !== 200) {
    socket.destroy();
    return { status, reason, body: '' };
  }
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return { status, reason, body: (await buffer(socket)).toString() };
}

const managed = { username: 'anybody', password: managedPassword };
const state = (sidecar: Sidecar) => sidecar.report().upstream;
const by = (scheme: string, port: number, { username, password }: { username: string; password: string } = login) =>
  `${scheme}://${username}:${password}@127.0.0.1:${port}`;

describe.skipIf(noRealProxies)('upstreams of Debian', () => {
  it.each([
    ['http', startSquid],
    ['socks5', startMicrosocks],
    ['socks4', startDante],
  ] as const)('%s carries pages in the clear and in tunnels, big ones too', async (scheme, startUpstream) => {
    const [upstream, sidecar] = [keep(await startUpstream()), await startSidecar()];
    const big = 'x'.repeat(3_000_000);
    const [page, bigPage] = [await startPage(), await startPage(big)];
    expect(await bind(sidecar, { template: by(scheme, upstream.port) })).toBe(200);
    await vi.waitFor(() => expect(state(sidecar)).toEqual({ state: 'ready' }), patience);
    expect(await get(sidecar, `http://127.0.0.1:${page}/a`)).toMatchObject({ status: 200, body: 'the page /a' });
    expect((await getInTunnel(sidecar, `127.0.0.1:${page}`)).body).toMatch(/the page \/t$/);
    expect((await getInTunnel(sidecar, `127.0.0.1:${bigPage}`)).body.length).toBeGreaterThan(big.length);
    expect(await upstream.log()).toContain(String(page));
    expect(sidecar.report().bytes.received).toBeGreaterThan(big.length);
    expect(sidecar.looked).toEqual([]);
  });

  it.each([
    ['http', startSquid],
    ['socks5', startMicrosocks],
  ] as const)('%s that refuses the password is told of, at once and to the page', async (scheme, startUpstream) => {
    const [upstream, sidecar] = [keep(await startUpstream()), await startSidecar()];
    await bind(sidecar, { template: by(scheme, upstream.port, { ...login, password: 'wrong' }) });
    const refused = { state: 'failed', problem: 'authentication_failed' };
    await vi.waitFor(() => expect(state(sidecar)).toEqual(refused), patience);
    const [page, reason] = [await startPage(), 'upstream_authentication_failed'];
    expect(await get(sidecar, `http://127.0.0.1:${page}/`)).toMatchObject({ status: 502, reason });
    expect(await getInTunnel(sidecar, `127.0.0.1:${page}`)).toMatchObject({ status: 502, reason });
    expect(state(sidecar)).toEqual(refused);
  });

  it('an HTTP one resolves the names', async () => {
    const [upstream, sidecar, page] = [keep(await startSquid()), await startSidecar(), await startPage()];
    await bind(sidecar, { template: by('http', upstream.port) });
    expect((await get(sidecar, `http://page.porthole.test:${page}/n`)).body).toBe('the page /n');
    expect((await getInTunnel(sidecar, `page.porthole.test:${page}`)).body).toMatch(/the page \/t$/);
    expect(sidecar.looked).toEqual([]);
  });

  it.each([
    ['socks5', startMicrosocks],
    ['socks4', startDante],
  ] as const)(
    '%s is told names as names, and its not knowing them is no fault of it',
    async (scheme, startUpstream) => {
      const [upstream, sidecar] = [keep(await startUpstream()), await startSidecar()];
      await bind(sidecar, { template: by(scheme, upstream.port) });
      const answer = await getInTunnel(sidecar, 'nowhere.invalid:80');
      expect(answer).toMatchObject({ status: 502, reason: 'upstream_cannot_reach' });
      expect(state(sidecar)).toEqual({ state: 'ready' });
      expect(sidecar.looked).toEqual([]);
    },
  );
});

describe('an upstream', () => {
  it('by https is believed by its certificate alone', async () => {
    const upstream = keep(await startNotingUpstream({ isTls: true }));
    const [page, trusting, doubting] = [await startPage(), await startSidecar(), await startSidecar()];
    await bind(trusting, { template: by('https', upstream.port, managed), ca: upstream.ca });
    expect((await get(trusting, `http://127.0.0.1:${page}/s`)).body).toBe('the page /s');
    expect((await getInTunnel(trusting, `127.0.0.1:${page}`)).body).toMatch(/the page \/t$/);
    await bind(doubting, { template: by('https', upstream.port, managed) });
    await vi.waitFor(() => expect(state(doubting)).toEqual({ state: 'failed', problem: 'unreachable' }), patience);
    expect(await getInTunnel(doubting, `127.0.0.1:${page}`)).toMatchObject({ reason: 'upstream_unreachable' });
  });

  it('sees one identity of a sticky session, and of others a new one for each connection', async () => {
    const upstream = keep(await startNotingUpstream());
    const template = by('http', upstream.port, { username: 'me-{session}', password: managedPassword });
    const [page, sticky, loose] = [await startPage(), await startSidecar(), await startSidecar()];
    await bind(sticky, { template, identity: 'abc' });
    await bind(loose, { template });
    for (let i = 0; i < 3; i += 1) await getInTunnel(sticky, `127.0.0.1:${page}`);
    await get(sticky, `http://127.0.0.1:${page}/`);
    const users = (): readonly string[] => upstream.requests.map(({ user }) => user);
    expect(users()).toEqual(['me-abc', 'me-abc', 'me-abc', 'me-abc']);
    upstream.requests.length = 0;
    for (let i = 0; i < 3; i += 1) await getInTunnel(loose, `127.0.0.1:${page}`);
    await get(loose, `http://127.0.0.1:${page}/`);
    expect(new Set(users()).size).toBe(4);
  });

  it('that nobody listens at is told of, to the page too', async () => {
    const sidecar = await startSidecar();
    await bind(sidecar, { template: by('socks5', await freePort()) });
    await vi.waitFor(() => expect(state(sidecar)).toEqual({ state: 'failed', problem: 'unreachable' }), patience);
    expect(await get(sidecar, 'http://example.com/')).toMatchObject({ status: 502, reason: 'upstream_unreachable' });
  });

  it.each([
    ['not HTTP at all\r\n\r\n', 'upstream_refused', { state: 'failed', problem: 'refused' }],
    ['HTTP/1.1 200', 'upstream_refused', { state: 'failed', problem: 'refused' }],
    // Some say nothing when they do not reach the host.
    ['', 'bad_response', { state: 'probing' }],
  ])('that answers %j is told of as %s', async (nonsense, reason, expected) => {
    const server = createTcpServer((socket) => socket.on('error', () => undefined).end(nonsense)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const sidecar = await startSidecar();
    await bind(sidecar, { template: by('http', (server.address() as AddressInfo).port) });
    expect(await getInTunnel(sidecar, 'example.com:443')).toMatchObject({ status: 502, reason });
    await vi.waitFor(() => expect(state(sidecar)).toEqual(expected), patience);
    server.close();
  });

  it('that goes away is told of, and that it is back', async () => {
    const [sidecar, page] = [await startSidecar(), await startPage()];
    const first = await startNotingUpstream();
    await bind(sidecar, { template: by('http', first.port, managed) });
    expect((await getInTunnel(sidecar, `127.0.0.1:${page}`)).status).toBe(200);
    expect(state(sidecar)).toEqual({ state: 'ready' });
    await first[Symbol.asyncDispose]();
    const answer = await getInTunnel(sidecar, `127.0.0.1:${page}`);
    expect(answer).toMatchObject({ status: 502, reason: 'upstream_unreachable' });
    expect(state(sidecar)).toEqual({ state: 'failed', problem: 'unreachable' });
    keep(await startNotingUpstream({ port: first.port }));
    expect((await getInTunnel(sidecar, `127.0.0.1:${page}`)).body).toMatch(/the page \/t$/);
    expect(state(sidecar)).toEqual({ state: 'ready' });
  });

  it.each([
    ['http://10.1.2.3:8080', '10.0.0.0/24'],
    ['http://169.254.169.254:80', '0.0.0.0/0'],
    ['http://0x7f.1:33000', ''],
    ['socks5://2130706433:33000', ''],
    ['socks5://[::ffff:127.0.0.1]:33000', ''],
    ['http://upstream.test:33000', ''],
    ['http://localhost:33000', ''],
    [`http://${podIp}:33000`, '0.0.0.0/0'],
  ])('at %s is not connected to where %j is allowed', async (template, upstreamAllow) => {
    const sidecar = await startSidecar({ allow: '', upstreamAllow });
    await bind(sidecar, { template });
    await vi.waitFor(() => expect(state(sidecar)).toEqual({ state: 'failed', problem: 'not_allowed' }), patience);
    expect(await get(sidecar, 'http://example.com/')).toMatchObject({ status: 403, reason: 'upstream_not_allowed' });
  });

  it.each([
    [{ allow: '', upstreamAllow: '127.0.0.1/32' }, false],
    [{ allow: '', upstreamAllow: '' }, true],
  ])('at a private address is, where %j or the provider says so', async (where, isInternalAllowed) => {
    const upstream = keep(await startNotingUpstream());
    const sidecar = await startSidecar(where);
    await bind(sidecar, {
      template: by('http', upstream.port, managed).replace('127.0.0.1', 'upstream.test'),
      isInternalAllowed,
    });
    await get(sidecar, 'http://example.invalid/');
    await vi.waitFor(() => expect(state(sidecar)).toEqual({ state: 'ready' }), patience);
    // Not for what the page asks for.
    expect(await get(sidecar, 'http://127.0.0.1:33000/')).toMatchObject({ status: 403, reason: 'private_address' });
    expect(new Set(sidecar.looked)).toEqual(new Set(['upstream.test']));
  });

  it('is never asked for what is inside', async () => {
    const upstream = keep(await startNotingUpstream());
    const sidecar = await startSidecar({ allow: '', upstreamAllow: '127.0.0.1' });
    await bind(sidecar, { template: by('http', upstream.port, managed) });
    const inside = [
      ...[
        '127.0.0.1',
        '2130706433',
        '0x7f.0.0.1',
        '017700000001',
        '[::1]',
        '[::ffff:10.0.0.1]',
        '10.0.0.1',
        '192.168.1.1',
      ],
      ...['169.254.169.254', '[fd00:ec2::254]', '100.100.100.200', 'localhost', 'a.localhost', 'metadata'],
      ...[
        'metadata.google.internal',
        'kubernetes',
        'kubernetes.default.svc',
        'db.prod.svc.cluster.local',
        'nas.local.',
      ],
    ];
    for (const host of inside) {
      expect([host, (await get(sidecar, `http://${host}/`)).status]).toEqual([host, 403]);
      expect([host, (await getInTunnel(sidecar, `${host}:443`)).status]).toEqual([host, 403]);
    }
    expect(upstream.requests).toEqual([]);
  });
});

describe('the door for the upstream', () => {
  const order = { template: 'http://u:p@192.0.2.1:1' };

  it.each<[string, Partial<TicketClaims>]>([
    ['another pod', { podUid: 'other' }],
    ['another purpose', { purpose: 'bind' }],
    ['another order', { bodySha256: sha256('{}') }],
    ['yesterday', { expiresAt: 1 }],
  ])('takes no ticket for %s', async (_, claims) => {
    const sidecar = await startSidecar();
    expect(await bind(sidecar, order, claims)).toBe(401);
    expect(state(sidecar)).toBeUndefined();
  });

  it('takes one order, the same again, and no other for ever', async () => {
    const sidecar = await startSidecar();
    expect([await bind(sidecar, order), await bind(sidecar, order)]).toEqual([200, 200]);
    expect(await bind(sidecar, { template: 'http://elsewhere.example.com:1' })).toBe(409);
  });

  it.each(['ftp://h:1', 'nonsense', ''])('does not take %j', async (template) => {
    expect(await bind(await startSidecar(), { template })).toBe(400);
  });

  it('ends what went direct before', async () => {
    const [sidecar, page] = [await startSidecar(), await startPage()];
    const socket = connect({ host: podIp, port: sidecar.ports.proxy });
    socket.on('error', () => undefined);
    socket.write(`CONNECT 127.0.0.1:${page} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await bind(sidecar, order);
    await closed;
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as startRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  type Server,
} from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { parseCidrList } from '../lib/net-address.ts';
import type { Lookup } from './resolve.ts';
import { startProxy, type RunningProxy } from './start.ts';

/** Other tests' pods have other addresses. */
const podIp = '127.77.241.1';
const megabyte = 1024 * 1024;

const after: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of after.splice(0).reverse()) await undo();
});

interface Setup {
  readonly lookup?: Lookup;
  readonly denyPorts?: readonly number[];
  readonly allow?: string;
}

async function proxyWith({ lookup, denyPorts = [], allow = '127.0.0.0/8,::1/128' }: Setup = {}): Promise<RunningProxy> {
  const proxy = await startProxy({
    settings: {
      ...{ podIp, podUid: '', ticketKey: '', isVerbose: false },
      ...{ egressAllow: parseCidrList(allow), upstreamAllow: parseCidrList('') },
      egressDenyPorts: new Set(denyPorts),
    },
    log: () => undefined,
    listen: { proxy: 0, health: 0 },
    ...(lookup ? { lookup } : {}),
  });
  after.push(() => proxy[Symbol.asyncDispose]());
  return proxy;
}

interface Origin {
  readonly server: Server;
  readonly port: number;
  readonly connections: Socket[];
}

async function originWith(listener: RequestListener): Promise<Origin> {
  const server = createServer(listener);
  const connections: Socket[] = [];
  server.on('connection', (socket) => connections.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after.push(() => {
    server.close();
    server.closeAllConnections();
    for (const socket of connections) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port, connections };
}

const agentFor = (): Agent => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  after.push(() => agent.destroy());
  return agent;
};

/** Asks the proxy for `url` in absolute form. */
function ask(proxy: RunningProxy, url: string, options: RequestOptions = {}): ClientRequest {
  return startRequest({ host: podIp, port: proxy.ports.proxy, path: url, agent: false, ...options });
}

async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function get(proxy: RunningProxy, url: string, options: RequestOptions = {}) {
  const response = await answerOf(ask(proxy, url, options));
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** Opens a tunnel; resolves with its answer's status and reason and the connection, where what follows can be read. */
async function openTunnel(proxy: RunningProxy, authority: string, localAddress = '127.0.0.1') {
  const socket = connect({ host: podIp, port: proxy.ports.proxy, localAddress });
  socket.on('error', () => undefined);
  after.push(() => socket.destroy());
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  let received = Buffer.alloc(0);
  while (!received.includes('\r\n\r\n')) {
    received = Buffer.concat([received, ((await once(socket, 'data')) as [Buffer])[0]]);
  }
  socket.pause();
  const end = received.indexOf('\r\n\r\n') + 4;
  socket.unshift(received.subarray(end));
  const head = received.subarray(0, end).toString();
  const reason = /^x-porthole-egress: (.*)$/im.exec(head)?.[1];
  return { status: Number(head.split(' ')[1]), reason, socket };
}

/** Resolves when a connection has closed, be it by a reset. */
const closeOf = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

describe('a request in absolute form', () => {
  it('reaches the server as if there were no proxy, from the address of the pod', async () => {
    let seen: { line: string; headers: readonly string[]; from: string | undefined } | undefined;
    const origin = await originWith((request, response) => {
      const from = request.socket.remoteAddress;
      seen = { line: `${request.method ?? ''} ${request.url ?? ''}`, headers: request.rawHeaders, from };
      response.writeHead(418, 'Short And Stout', [
        ...['X-One', '1', 'x-one', '2', 'Set-Cookie', 'a=b', 'Set-Cookie', 'c=d', 'Content-Type', 'text/tea'],
        ...['Proxy-Authenticate', 'Basic', 'X-Porthole-Egress', 'forged', 'Connection', 'X-Hop', 'X-Hop', '1'],
      ]);
      response.end('tea');
    });
    const proxy = await proxyWith();
    const headers = [
      ...['Host', 'elsewhere.example', 'User-Agent', 'test', 'Proxy-Connection', 'keep-alive', 'X-Case', 'Kept'],
      ...['Proxy-Authorization', 'Basic c2VjcmV0', 'Connection', 'X-Secret', 'X-Secret', '1', 'Cookie', 'a=b'],
    ];
    const response = await answerOf(ask(proxy, `http://localhost:${origin.port}/a/../b?q=%20|`, { headers }));
    expect(await text(response)).toBe('tea');
    expect([response.statusCode, response.statusMessage]).toEqual([418, 'Short And Stout']);
    expect(response.rawHeaders.slice(0, 10)).toEqual([
      ...['X-One', '1', 'x-one', '2', 'Set-Cookie', 'a=b', 'Set-Cookie', 'c=d', 'Content-Type', 'text/tea'],
    ]);
    const names = Object.keys(response.headers);
    for (const name of ['via', 'proxy-authenticate', 'x-porthole-egress', 'x-hop']) expect(names).not.toContain(name);
    expect(seen).toEqual({
      line: 'GET /a/../b?q=%20|',
      headers: [
        ...['Host', `localhost:${origin.port}`, 'User-Agent', 'test', 'X-Case', 'Kept', 'Cookie', 'a=b'],
        ...['Connection', 'keep-alive'],
      ],
      from: podIp,
    });
  });

  it('uses one connection to the server for one of the browser, and another one for another', async () => {
    const origin = await originWith((_, response) => response.end('ok'));
    const proxy = await proxyWith();
    const agents = [agentFor(), agentFor()];
    for (const agent of [...agents, ...agents, ...agents]) {
      expect((await get(proxy, `http://127.0.0.1:${origin.port}/`, { agent })).body).toBe('ok');
    }
    expect(origin.connections).toHaveLength(2);
  });

  it('goes on when the server has closed an idle connection', async () => {
    const origin = await originWith((_, response) => response.end('ok'));
    const proxy = await proxyWith();
    const agent = agentFor();
    expect((await get(proxy, `http://127.0.0.1:${origin.port}/`, { agent })).status).toBe(200);
    for (const socket of origin.connections) socket.end();
    await expect.poll(() => proxy.report().connections.open).toBe(0);
    expect((await get(proxy, `http://127.0.0.1:${origin.port}/`, { agent })).status).toBe(200);
    expect(origin.connections).toHaveLength(2);
  });

  it('leaves it to the browser what to send again when an idle connection turns out to be dead', async () => {
    const origin = await originWith((request, response) => {
      if (request.url === '/first') response.end('ok');
      else request.socket.destroy();
    });
    const proxy = await proxyWith();
    const agent = agentFor();
    expect((await get(proxy, `http://127.0.0.1:${origin.port}/first`, { agent })).status).toBe(200);
    await expect(get(proxy, `http://127.0.0.1:${origin.port}/second`, { agent })).rejects.toThrow('socket hang up');
    // On a connection of its own the same is an answer.
    expect((await get(proxy, `http://127.0.0.1:${origin.port}/second`)).status).toBe(502);
  });

  it('carries big bodies both ways, of known length and in chunks', async () => {
    const origin = await originWith((request, response) => {
      const length = request.headers['content-length'];
      response.writeHead(200, length === undefined ? {} : { 'content-length': length });
      request.pipe(response);
    });
    const proxy = await proxyWith();
    const body = randomBytes(20 * megabyte);
    const digest = createHash('sha256').update(body).digest('hex');
    for (const headers of [{ 'content-length': body.length }, { 'transfer-encoding': 'chunked' }]) {
      const request = ask(proxy, `http://127.0.0.1:${origin.port}/`, { method: 'POST', headers });
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect(
        createHash('sha256')
          .update(await buffer(response))
          .digest('hex'),
      ).toBe(digest);
    }
    const { bytes } = proxy.report();
    expect(bytes.sent).toBeGreaterThan(2 * body.length);
    expect(bytes.received).toBeGreaterThan(2 * body.length);
  });

  it.each(['HEAD', 'DELETE', 'OPTIONS', 'PATCH'])('passes %s on with its answer', async (method) => {
    const origin = await originWith((request, response) => {
      response.writeHead(200, { 'content-length': '3', 'x-method': request.method ?? '' });
      response.end(request.method === 'HEAD' ? undefined : 'abc');
    });
    const proxy = await proxyWith();
    const answer = await get(proxy, `http://127.0.0.1:${origin.port}/`, { method });
    expect(answer.headers['x-method']).toBe(method);
    expect(answer.headers['content-length']).toBe('3');
    expect(answer.body).toBe(method === 'HEAD' ? '' : 'abc');
  });

  it('shows the head of an answer whose body is still to come', async () => {
    const origin = await originWith((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
    });
    const proxy = await proxyWith();
    const request = ask(proxy, `http://127.0.0.1:${origin.port}/`);
    expect((await answerOf(request)).headers['content-type']).toBe('text/event-stream');
    request.destroy();
  });

  it('takes heads that browsers take', async () => {
    const origin = await originWith((request, response) =>
      response.setHeader('x-long', 'y'.repeat(100_000)).end(request.url),
    );
    const proxy = await proxyWith();
    (origin.server as Server & { maxHeaderSize?: number }).maxHeaderSize = 256 * 1024;
    const request = startRequest({
      ...{ host: podIp, port: proxy.ports.proxy, agent: false, maxHeaderSize: 256 * 1024 },
      path: `http://127.0.0.1:${origin.port}/${'x'.repeat(8000)}`,
    });
    const response = await answerOf(request);
    expect(response.headers['x-long']).toHaveLength(100_000);
    expect(await text(response)).toHaveLength(8001);
  });

  it('holds the server back when the browser does not read', async () => {
    let written = 0;
    const origin = await originWith((_, response) => {
      const chunk = Buffer.alloc(megabyte);
      const more = (): void => {
        while (written < 256 && !response.destroyed) {
          written += 1;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const proxy = await proxyWith();
    const request = ask(proxy, `http://127.0.0.1:${origin.port}/`);
    const response = await answerOf(request);
    await wait(400);
    const whenHeld = written;
    await wait(200);
    expect(written).toBe(whenHeld);
    expect(written).toBeLessThan(64);
    let received = 0;
    for await (const chunk of response) received += (chunk as Buffer).length;
    expect(received).toBe(256 * megabyte);
  });

  it('ends the exchange with the server when the browser goes away', async () => {
    const closed = Promise.withResolvers<undefined>();
    const origin = await originWith((_, response) => {
      response.writeHead(200).write('beginning');
      response.once('close', () => closed.resolve(undefined));
    });
    const proxy = await proxyWith();
    const request = ask(proxy, `http://127.0.0.1:${origin.port}/`);
    request.on('error', () => undefined);
    await answerOf(request);
    request.destroy();
    await closed.promise;
    await expect.poll(() => proxy.report().connections.open).toBe(0);
  });

  it('tells the server when the browser breaks off what it sends', async () => {
    const aborted = Promise.withResolvers<undefined>();
    const origin = await originWith((request) => {
      request.on('error', () => undefined).resume();
      request.once('aborted', () => aborted.resolve(undefined));
    });
    const proxy = await proxyWith();
    const request = ask(proxy, `http://127.0.0.1:${origin.port}/`, { method: 'POST' });
    request.on('error', () => undefined).write(Buffer.alloc(megabyte));
    await expect.poll(() => proxy.report().bytes.sent).toBeGreaterThan(megabyte);
    request.destroy();
    await aborted.promise;
    await expect.poll(() => proxy.report().connections.open).toBe(0);
  });

  it('does not make a body that broke off look complete', async () => {
    const origin = await originWith((_, response) => {
      response.writeHead(200).write('beginning');
      setTimeout(() => response.destroy(), 50);
    });
    const proxy = await proxyWith();
    await expect(get(proxy, `http://127.0.0.1:${origin.port}/`)).rejects.toThrow('aborted');
  });

  it('passes an early answer on though the browser is still sending', async () => {
    const origin = await originWith((request, response) => {
      response.writeHead(413).end('too big');
      request.resume();
    });
    const proxy = await proxyWith();
    const request = ask(proxy, `http://127.0.0.1:${origin.port}/`, { method: 'POST' });
    request.on('error', () => undefined);
    request.write(Buffer.alloc(megabyte));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    expect(await text(response)).toBe('too big');
    await expect.poll(() => proxy.report().connections.open).toBe(0);
    request.destroy();
  });
});

describe('what does not go out', () => {
  const answers: readonly [what: string, url: string, status: number, code: string][] = [
    ['a private address', 'http://10.1.2.3/', 403, 'private_address'],
    ['a metadata service', 'http://169.254.169.254/latest/meta-data/', 403, 'metadata_address'],
    ['another sandbox', 'http://127.77.0.1:80/', 403, 'sandbox_address'],
    ['a DevTools port', 'http://127.0.0.1:21000/json/version', 403, 'devtools_port'],
    ['the same in one number', 'http://2130706433:21000/json/version', 403, 'devtools_port'],
    ['the same in octal and hex', 'http://0177.0.0x1:21000/json/version', 403, 'devtools_port'],
    ['the same by a name', 'http://localhost:21000/json/version', 403, 'devtools_port'],
    ['the same in IPv6 clothes', 'http://[::ffff:7f00:1]:21000/json/version', 403, 'devtools_port'],
    ['the proxy itself', `http://${podIp}:7701/`, 403, 'sandbox_address'],
    ['an agent', 'http://127.0.0.1:7700/v1/status', 403, 'porthole_port'],
    ['a port of the installation', 'http://[::1]:18080/', 403, 'porthole_port'],
    ['a name for that', 'http://internal.example:18080/', 403, 'porthole_port'],
    ['a name that does not resolve', 'http://nowhere.example/', 502, 'dns_failure'],
    ['a port where nobody listens', 'http://127.0.0.2:1/', 502, 'unreachable'],
    ['another scheme', 'https://example.com/', 400, 'bad_request'],
    ['no absolute form', '/', 400, 'bad_request'],
  ];
  const lookup: Lookup = (host) =>
    host === 'internal.example' ? Promise.resolve(['127.0.0.1']) : Promise.reject(new Error('ENOTFOUND'));

  it.each(answers)('%s: %s', async (_, url, status, code) => {
    const proxy = await proxyWith({ lookup, denyPorts: [18_080] });
    const answer = await get(proxy, url);
    expect([answer.status, answer.headers['x-porthole-egress']]).toEqual([status, code]);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.body).toContain(code);
    expect(proxy.report().problems).toEqual({ [code]: 1 });
  });

  it.each([
    ['10.1.2.3:443', 403, 'private_address'],
    ['127.0.0.1:24999', 403, 'devtools_port'],
    ['2130706433:24999', 403, 'devtools_port'],
    ['nowhere.example:443', 502, 'dns_failure'],
    ['127.0.0.2:1', 502, 'unreachable'],
    ['example.com', 400, 'bad_request'],
  ])('a tunnel to %s: %i %s', async (authority, status, code) => {
    const proxy = await proxyWith({ lookup });
    const tunnel = await openTunnel(proxy, authority);
    expect([tunnel.status, tunnel.reason]).toEqual([status, code]);
    expect(await text(tunnel.socket)).toContain(code);
  });

  it('a client of another pod, whatever it asks for', async () => {
    const proxy = await proxyWith();
    const localAddress = '127.77.241.99';
    const answer = await get(proxy, 'http://1.1.1.1/', { localAddress });
    expect(answer.headers['x-porthole-egress']).toBe('foreign_client');
    expect((await openTunnel(proxy, '1.1.1.1:443', localAddress)).reason).toBe('foreign_client');
    expect((await get(proxy, 'http://10.0.0.1/', { localAddress: podIp })).headers['x-porthole-egress']).toBe(
      'private_address',
    );
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9\r\n'],
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['an impossible status', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['a switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
  ])('a request whose host answers with %s, and the proxy serves on', async (_, answered) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end(answered));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    after.push(() => server.close());
    const proxy = await proxyWith();
    const at = `127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const agent = agentFor();
    for (let i = 0; i < 2; i += 1) {
      const answer = await get(proxy, `http://${at}`, { agent });
      expect([answer.status, answer.headers['x-porthole-egress']]).toEqual([502, 'bad_response']);
    }
    if (answered.includes(' 101 ')) return;
    const answer = await get(proxy, `ws://${at}`, { headers: { connection: 'Upgrade', upgrade: 'websocket' } });
    expect([answer.status, answer.headers['x-porthole-egress']]).toEqual([502, 'bad_response']);
  });
});

describe('a name whose answers change', () => {
  it('is asked for once a connection, and the connection goes to the address that was judged', async () => {
    const origin = await originWith((_, response) => response.end('ok'));
    const answers = [['127.0.0.1'], ['127.77.0.1'], ['127.77.0.1', '127.0.0.1']];
    let asked = 0;
    const proxy = await proxyWith({ lookup: () => Promise.resolve(answers[asked++] ?? []) });
    const url = `http://rebind.example:${origin.port}/`;
    expect((await get(proxy, url)).body).toBe('ok');
    expect(asked).toBe(1);
    expect((await get(proxy, url)).headers['x-porthole-egress']).toBe('sandbox_address');
    expect((await get(proxy, url)).body).toBe('ok');
    expect(asked).toBe(3);
    expect(origin.connections).toHaveLength(2);
  });
});

describe('a tunnel', () => {
  it('carries bytes both ways, and each direction ends by itself', async () => {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      const hash = createHash('sha256');
      socket.on('data', (chunk: Buffer) => hash.update(chunk));
      socket.once('end', () => socket.end(hash.digest('hex')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    after.push(() => server.close());
    const proxy = await proxyWith();
    const { status, socket } = await openTunnel(proxy, `localhost:${(server.address() as AddressInfo).port}`);
    expect(status).toBe(200);
    const body = randomBytes(20 * megabyte);
    socket.allowHalfOpen = true;
    socket.end(body);
    expect(await text(socket)).toBe(createHash('sha256').update(body).digest('hex'));
    await expect.poll(() => proxy.report().connections.open).toBe(0);
    expect(proxy.report().bytes).toEqual({ sent: body.length, received: 64 });
  });

  it('passes on what the client sends before the answer', async () => {
    const server = createTcpServer((socket) => socket.pipe(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    after.push(() => server.close());
    const proxy = await proxyWith();
    const client = connect(proxy.ports.proxy, podIp);
    after.push(() => client.destroy());
    client.write(`CONNECT 127.0.0.1:${(server.address() as AddressInfo).port} HTTP/1.1\r\nHost: x\r\n\r\nearly`);
    let received = '';
    client.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await expect.poll(() => received).toBe('HTTP/1.1 200 Connection established\r\n\r\nearly');
  });

  it('holds a fast side back when the other does not read', async () => {
    let peer: Socket | undefined;
    const server = createTcpServer((socket) => (peer = socket.on('error', () => undefined)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    after.push(() => server.close());
    const proxy = await proxyWith();
    const { socket } = await openTunnel(proxy, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    await expect.poll(() => peer).toBeDefined();
    socket.pause();
    peer?.write(Buffer.alloc(128 * megabyte));
    await wait(400);
    const { received } = proxy.report().bytes;
    await wait(200);
    expect(proxy.report().bytes.received).toBe(received);
    expect(received).toBeLessThan(32 * megabyte);
  });

  it('ends at once when one side is reset', async () => {
    const peers: Socket[] = [];
    const server = createTcpServer((socket) => peers.push(socket.on('error', () => undefined)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    after.push(() => server.close());
    const proxy = await proxyWith();
    const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const first = await openTunnel(proxy, authority);
    await expect.poll(() => peers.length).toBe(1);
    const closed = closeOf(first.socket.resume());
    peers[0]?.resetAndDestroy();
    await closed;
    const second = await openTunnel(proxy, authority);
    await expect.poll(() => peers.length).toBe(2);
    second.socket.resetAndDestroy();
    await expect.poll(() => peers[1]?.destroyed).toBe(true);
    await expect.poll(() => proxy.report().connections.open).toBe(0);
  });
});

describe('a WebSocket', () => {
  const echo = async (): Promise<Origin> => {
    const origin = await originWith((request, response) => response.writeHead(404).end(`no ${request.url ?? ''}`));
    const sockets = new WebSocketServer({ noServer: true });
    origin.server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/echo') {
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone');
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        client.on('message', (message: Buffer, isBinary) => client.send(message, { binary: isBinary }));
      });
    });
    return origin;
  };
  const talk = async (socket: WebSocket): Promise<void> => {
    await once(socket, 'open');
    const big = randomBytes(5 * megabyte);
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('hello');
    socket.send(big);
    expect(((await once(socket, 'message'))[0] as Buffer).equals(big)).toBe(true);
    socket.close(1000);
    expect((await once(socket, 'close'))[0]).toBe(1000);
  };

  it('opens through CONNECT, as browsers do it', async () => {
    const origin = await echo();
    const proxy = await proxyWith();
    const { socket } = await openTunnel(proxy, `localhost:${origin.port}`);
    await talk(new WebSocket(`ws://localhost:${origin.port}/echo`, { createConnection: () => socket.resume() }));
    await expect.poll(() => proxy.report().connections.open).toBe(0);
  });

  it.each(['ws', 'http'])('opens through an upgrade of a %s:// URL', async (scheme) => {
    const origin = await echo();
    const proxy = await proxyWith();
    const socket = new WebSocket(`ws://${podIp}:${proxy.ports.proxy}`, {
      finishRequest: (request) => {
        request.path = `${scheme}://localhost:${origin.port}/echo`;
        request.end();
      },
    });
    await talk(socket);
    await expect.poll(() => proxy.report().connections.open).toBe(0);
  });

  it.each([
    ['/nothing', 404, undefined],
    [':18080/echo', 403, 'porthole_port'],
  ])('that is declined at %s gets the answer and the end of the connection', async (path, status, code) => {
    const origin = await echo();
    const proxy = await proxyWith({ denyPorts: [18_080] });
    const headers = {
      ...{ connection: 'Upgrade', upgrade: 'websocket' },
      ...{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' },
    };
    const host = path.startsWith(':') ? '127.0.0.1' : `127.0.0.1:${origin.port}`;
    const response = await answerOf(ask(proxy, `ws://${host}${path}`, { headers }));
    expect(response.statusCode).toBe(status);
    expect(response.headers['x-porthole-egress']).toBe(code);
    expect(response.headers.connection).toBe('close');
    await text(response);
  });

  it('is not what other upgrades become: they are ordinary requests', async () => {
    const origin = await originWith((request, response) => response.end(String(request.headers.upgrade)));
    const proxy = await proxyWith();
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' };
    expect((await get(proxy, `http://127.0.0.1:${origin.port}/`, { headers })).body).toBe('undefined');
  });
});

describe('health', () => {
  it('answers probes and counts', async () => {
    const origin = await originWith((_, response) => response.end('ok'));
    const proxy = await proxyWith();
    await get(proxy, `http://127.0.0.1:${origin.port}/`);
    await get(proxy, 'http://10.0.0.1/');
    const at = `http://${podIp}:${proxy.ports.health}`;
    expect(await (await fetch(`${at}/livez`)).json()).toEqual({ alive: true });
    expect(await (await fetch(`${at}/readyz`)).json()).toEqual({ ready: true });
    expect(await (await fetch(`${at}/v1/traffic`)).json()).toMatchObject({
      connections: { opened: 1 },
      problems: { private_address: 1 },
    });
    expect((await fetch(`${at}/constructor`)).status).toBe(404);
  });
});

describe('the end of the proxy', () => {
  it('ends every connection', async () => {
    const origin = await originWith(() => undefined);
    const proxy = await proxyWith();
    const { socket } = await openTunnel(proxy, `127.0.0.1:${origin.port}`);
    const pending = ask(proxy, `http://127.0.0.1:${origin.port}/`);
    const failed = once(pending, 'error');
    pending.end();
    await expect.poll(() => proxy.report().connections.open).toBe(2);
    const ended = closeOf(socket.resume());
    await proxy[Symbol.asyncDispose]();
    await Promise.all([ended, failed.catch(() => undefined)]);
    await expect.poll(() => proxy.report().connections.open).toBe(0);
  });
});

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { patience } from '../../../test/support/patience.ts';
import { splice } from './splice.ts';

const open: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ server, sockets });
  return (server.address() as AddressInfo).port;
}

interface Joined {
  readonly client: Socket;
  /** The two ends inside: the relay's side of the client, and of the upstream. */
  readonly relay: { readonly client: Socket; readonly upstream: Socket };
}

async function join(upstreamPort: number, watch?: (chunk: Uint8Array) => void): Promise<Joined> {
  const joined = Promise.withResolvers<Joined['relay']>();
  const port = await listen((socket) => {
    const upstream = splice(socket, { port: upstreamPort, head: 'HEAD', watch });
    joined.resolve({ client: socket, upstream });
  });
  const client = connect({ port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  return { client, relay: await joined.promise };
}

/** 48 MB that differ everywhere. */
function pattern(): Buffer {
  const bytes = Buffer.alloc(48 * 1024 * 1024);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return bytes;
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function readAll(socket: Socket, rest: () => Promise<void>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    await rest();
  }
  return Buffer.concat(chunks);
}

/** Every so often a pause, so that the other side has to wait. */
function lazily(): () => Promise<void> {
  let chunks = 0;
  return async () => {
    if (++chunks % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  };
}

describe('a splice', () => {
  it('sends the head first and lets a watcher see what the client sends', async () => {
    const seen: string[] = [];
    const port = await listen((socket) => socket.pipe(socket));
    const { client } = await join(port, (chunk) => seen.push(Buffer.from(chunk).toString()));
    expect(String(((await once(client, 'data')) as [Buffer])[0])).toBe('HEAD');
    client.write('hello');
    expect(String(((await once(client, 'data')) as [Buffer])[0])).toBe('hello');
    expect(seen).toEqual(['hello']);
  });

  it('brings bulk to a slow client unchanged, holding little of it', async () => {
    const bytes = pattern();
    const port = await listen((socket) => {
      socket.resume();
      socket.end(bytes);
    });
    const { client, relay } = await join(port);
    let most = 0;
    const look = setInterval(() => (most = Math.max(most, relay.client.writableLength)), 1);
    const got = await readAll(client, lazily());
    clearInterval(look);
    expect(digest(got)).toBe(digest(bytes));
    expect(most).toBeLessThanOrEqual(64 * 1024);
  });

  it('brings bulk to a slow browser unchanged, holding little of it', async () => {
    const bytes = pattern();
    const received = Promise.withResolvers<Buffer>();
    const port = await listen((socket) => void readAll(socket, lazily()).then(received.resolve));
    const { client, relay } = await join(port);
    let most = 0;
    const look = setInterval(() => (most = Math.max(most, relay.upstream.writableLength)), 1);
    client.end(bytes);
    const got = await received.promise;
    clearInterval(look);
    expect(digest(got.subarray(4))).toBe(digest(bytes));
    expect(most).toBeLessThan(1024 * 1024);
  });

  it('ends with either side', async () => {
    const upstreams: Socket[] = [];
    const port = await listen((socket) => void upstreams.push(socket.resume()));
    for (const end of ['client', 'upstream'] as const) {
      const { client, relay } = await join(port);
      await vi.waitFor(() => expect(upstreams.length).toBeGreaterThan(0), patience);
      client.resume();
      if (end === 'client') client.destroy();
      else upstreams.pop()?.destroy();
      await vi.waitFor(
        () => expect([relay.client.destroyed, relay.upstream.destroyed]).toEqual([true, true]),
        patience,
      );
      upstreams.length = 0;
    }
  });

  it('ends when there is nobody at the other end', async () => {
    const port = await listen(() => undefined);
    open.pop()?.server.close();
    const { client } = await join(port);
    client.resume();
    await once(client, 'close');
  });
});

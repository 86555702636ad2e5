import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { dial, interleaveFamilies, type DialOptions } from './dial.ts';
import { chooseLocalAddress } from './direct.ts';

describe('interleaveFamilies', () => {
  it.each([
    [['1.1.1.1'], ['1.1.1.1']],
    [
      ['::1', '::2', '1.1.1.1'],
      ['::1', '1.1.1.1', '::2'],
    ],
    [
      ['1.1.1.1', '1.1.1.2', '1.1.1.3', '::1'],
      ['1.1.1.1', '::1', '1.1.1.2', '1.1.1.3'],
    ],
  ])('%j', (addresses, expected) => {
    expect(interleaveFamilies(addresses)).toEqual(expected);
  });
});

describe('chooseLocalAddress', () => {
  it.each([
    ['127.77.1.2', '127.0.0.1', '127.77.1.2'],
    ['127.77.1.2', '127.9.9.9', '127.77.1.2'],
    ['127.77.1.2', '1.1.1.1', undefined],
    ['127.77.1.2', '::1', undefined],
    ['10.1.2.3', '127.0.0.1', undefined],
    ['127.0.0.1', '127.0.0.1', undefined],
  ])('from pod %s to %s: %s', (podIp, address, local) => {
    expect(chooseLocalAddress(podIp, address)).toBe(local);
  });
});

describe('dial', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const serve = async (host: string): Promise<{ port: number; peers: (string | undefined)[] }> => {
    const peers: (string | undefined)[] = [];
    const server = createServer((socket) => {
      peers.push(socket.remoteAddress);
      socket.on('error', () => undefined);
    });
    servers.push(server);
    server.listen(0, host);
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port, peers };
  };
  const options = (port: number, addresses: readonly string[]): DialOptions => ({
    addresses,
    port,
    localAddressFor: () => undefined,
    clock: systemClock,
    timeoutMs: 2000,
    signal: new AbortController().signal,
  });
  /** An address that answers no connection attempt: a listener that accepts nobody, with its queue full. */
  const silence = async (host: string): Promise<{ port: number } & AsyncDisposable> => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const server = require('node:net').createServer().listen({ host: workerData, port: 0, backlog: 1 }, () => {
        parentPort.postMessage(server.address().port);
        setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
      });`;
    const worker = new Worker(code, { eval: true, workerData: host });
    const [port] = (await once(worker, 'message')) as [number];
    await new Promise((resolve) => setTimeout(resolve, 50));
    const fillers = Array.from({ length: 4 }, () => connect({ host, port }).on('error', () => undefined));
    await new Promise((resolve) => setTimeout(resolve, 50));
    return {
      port,
      [Symbol.asyncDispose]: async () => {
        for (const filler of fillers) filler.destroy();
        await worker.terminate();
      },
    };
  };

  it('goes on to the next address at once when one refuses', async () => {
    const { port } = await serve('127.0.0.9');
    const before = performance.now();
    const socket = await dial(options(port, ['127.0.0.8', '::1', '127.0.0.9']));
    expect(performance.now() - before).toBeLessThan(200);
    expect(socket.remoteAddress).toBe('127.0.0.9');
    socket.destroy();
  });
  it('comes from the local address that it is given for the address', async () => {
    const { port, peers } = await serve('127.0.0.1');
    const socket = await dial({ ...options(port, ['127.0.0.1']), localAddressFor: () => '127.77.200.7' });
    expect(socket.localAddress).toBe('127.77.200.7');
    await expect.poll(() => peers).toEqual(['127.77.200.7']);
    socket.destroy();
  });
  it('says unreachable when every address refuses', async () => {
    const { port } = await serve('127.0.0.1');
    await expect(dial(options(port, ['127.0.0.7', '127.0.0.8']))).rejects.toMatchObject({ code: 'unreachable' });
  });
  it('leaves nothing behind when it is aborted', async () => {
    const gone = new AbortController();
    gone.abort();
    const { port, peers } = await serve('127.0.0.1');
    await expect(dial({ ...options(port, ['127.0.0.1']), signal: gone.signal })).rejects.toThrow('nobody waits');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peers).toEqual([]);
  });
  it('does not wait for a silent address before it tries the next, nor leave the attempt behind', async () => {
    await using quiet = await silence('127.0.0.8');
    const server = createServer();
    servers.push(server);
    server.listen(quiet.port, '127.0.0.9');
    await once(server, 'listening');
    const before = performance.now();
    const socket = await dial(options(quiet.port, ['127.0.0.8', '127.0.0.9']));
    const tookMs = performance.now() - before;
    expect(socket.remoteAddress).toBe('127.0.0.9');
    expect(tookMs).toBeGreaterThan(200);
    expect(tookMs).toBeLessThan(1000);
    socket.destroy();
  });
  it('gives an address that is slower than the next one its chance', async () => {
    await using quiet = await silence('127.0.0.8');
    // The second refuses at once, after 250 ms; the first is still being waited for.
    const dialled = dial({ ...options(quiet.port, ['127.0.0.8', '127.0.0.9']), timeoutMs: 600 });
    await expect(dialled).rejects.toMatchObject({ code: 'timeout' });
  });
  it('says timeout when nothing answers', async () => {
    await using quiet = await silence('127.0.0.8');
    await expect(dial({ ...options(quiet.port, ['127.0.0.8']), timeoutMs: 300 })).rejects.toMatchObject({
      code: 'timeout',
    });
  });
});

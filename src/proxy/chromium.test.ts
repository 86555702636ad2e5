import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import CDP from 'chrome-remote-interface';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { egressFlags } from '../api/agent/contract.ts';
import { parseCidrList } from '../lib/net-address.ts';
import { startProxy, type RunningProxy } from './start.ts';

const podIp = '127.77.244.1';
const unprivileged = process.getuid?.() === 0 ? { uid: 99002, gid: 99002 } : {};
const stack = new AsyncDisposableStack();

async function serve(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function makeProfile(): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), 'porthole-proxy-test-'));
  stack.defer(() => rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  if (unprivileged.uid !== undefined) await chown(profile, unprivileged.uid, unprivileged.gid);
  return profile;
}

/** Starts a headless Chromium, its own sandbox on, whose whole traffic goes through the proxy; gives its DevTools port. */
async function startChromium(proxyPort: number): Promise<number> {
  const profile = await makeProfile();
  const flags = [
    ...['--headless=new', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    ...[`--user-data-dir=${profile}`, '--remote-debugging-port=0', `--proxy-server=http://${podIp}:${proxyPort}`],
    ...[...egressFlags, 'about:blank'],
  ];
  const env = { PATH: '/usr/bin:/bin', HOME: profile, TMPDIR: profile };
  const child = spawn('/usr/bin/chromium', flags, { ...unprivileged, env, stdio: 'ignore', detached: true, cwd: '/' });
  const exited = once(child, 'exit');
  stack.defer(async () => {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await exited;
  });
  const readPort = async (): Promise<number> => {
    const [port] = (await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).split('\n');
    expect(Number(port)).toBeGreaterThan(0);
    return Number(port);
  };
  return vi.waitFor(readPort, { timeout: 30_000 });
}

describe('Chromium behind the proxy', () => {
  let proxy: RunningProxy;
  let devtools: CDP.Client;
  let [pagePort, deniedPort] = [0, 0];
  const visitors: (string | undefined)[] = [];
  let deniedVisits = 0;

  beforeAll(async () => {
    const origin = createServer((request, response) => {
      visitors.push(request.socket.remoteAddress);
      response.setHeader('content-type', 'text/html').end(`<title>local page</title><p>${request.url ?? ''}`);
    });
    new WebSocketServer({ server: origin }).on('connection', (socket) => {
      socket.on('message', (message: Buffer) => socket.send(`echo ${message.toString()}`));
    });
    pagePort = await serve(origin);
    deniedPort = await serve(
      createServer((_, response) => {
        deniedVisits += 1;
        response.setHeader('access-control-allow-origin', '*').end('secret');
      }),
    );
    proxy = stack.use(
      await startProxy({
        settings: {
          podIp,
          egressAllow: parseCidrList('127.0.0.0/8,::1/128'),
          ...{ podUid: '', ticketKey: '', upstreamAllow: parseCidrList('') },
          egressDenyPorts: new Set([deniedPort]),
          isVerbose: false,
        },
        log: () => undefined,
        listen: { proxy: 0, health: 0 },
      }),
    );
    devtools = await CDP({ port: await startChromium(proxy.ports.proxy) });
    stack.defer(() => devtools.close());
    await devtools.Page.enable();
  });
  afterAll(() => stack.disposeAsync());

  async function open(url: string): Promise<void> {
    const loaded = devtools.Page.loadEventFired();
    await devtools.Page.navigate({ url });
    await loaded;
  }
  async function evaluate(expression: string): Promise<unknown> {
    const { result } = await devtools.Runtime.evaluate({ expression, awaitPromise: true, returnByValue: true });
    return result.value;
  }

  it.each(['127.0.0.1', 'localhost', 'app.localhost'])(
    'loads a page of %s, seen to come from the pod',
    async (host) => {
      visitors.length = 0;
      await open(`http://${host}:${pagePort}/hello`);
      expect(await evaluate('document.title + document.body.innerText')).toBe('local page/hello');
      expect(new Set(visitors)).toEqual(new Set([podIp]));
    },
  );

  it('opens WebSockets', async () => {
    await open(`http://127.0.0.1:${pagePort}/`);
    const talk = `new Promise((resolve) => {
      const socket = new WebSocket('ws://127.0.0.1:${pagePort}/');
      socket.onopen = () => socket.send('hello');
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve('error');
    })`;
    expect(await evaluate(talk)).toBe('echo hello');
  });

  it('reaches a denied port by no spelling of it, neither by fetch nor by frame nor by WebSocket', async () => {
    await open(`http://127.0.0.1:${pagePort}/`);
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '[::1]', '0.0.0.0']) {
      const url = `http://${host}:${deniedPort}/`;
      const attempt = `fetch('${url}').then((r) => r.text()).catch((e) => 'failed: ' + e.name)`;
      expect(await evaluate(attempt)).toBe('failed: TypeError');
    }
    const frame = `new Promise((resolve) => {
      const frame = document.createElement('iframe');
      frame.onload = () => resolve('loaded something');
      frame.src = 'http://127.0.0.1:${deniedPort}/';
      document.body.append(frame);
    })`;
    expect(await evaluate(frame)).toBe('loaded something');
    const socket = `new Promise((resolve) => {
      const socket = new WebSocket('ws://127.0.0.1:${deniedPort}/');
      socket.onopen = () => resolve('open');
      socket.onerror = () => resolve('error');
    })`;
    expect(await evaluate(socket)).toBe('error');
    expect(deniedVisits).toBe(0);
  });

  it('sends no UDP past the proxy', async () => {
    await using udp = createSocket('udp4');
    let packets = 0;
    udp.on('message', () => (packets += 1));
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
    await open(`http://127.0.0.1:${pagePort}/`);
    const gather = `new Promise((resolve) => {
      const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:${udp.address().port}' }] });
      peer.createDataChannel('x');
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve('gathered');
      void peer.setLocalDescription();
    })`;
    expect(await evaluate(gather)).toBe('gathered');
    expect(packets).toBe(0);
  });

  it('shows why when a page itself is refused', async () => {
    await open(`http://127.0.0.1:${deniedPort}/`);
    expect(await evaluate('document.body.innerText')).toContain('porthole_port');
    expect(deniedVisits).toBe(0);
  });
});

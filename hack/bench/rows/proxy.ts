import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { paths, ports } from '../../../src/api/agent/contract.ts';
import { knobsFor, measureCapabilities, type Capability } from '../capabilities.ts';
import { dialFromHere, getBy } from '../dial.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import type { Run } from '../run.ts';
import { findSandboxOf } from '../session-browser.ts';

const rounds = 10;
const pairs = 6;

/** An upstream that answers whoever knocks; nothing is visited through it. */
async function startUpstream(): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Nobody else's, since the sidecar hears of an upstream by nothing less. */
async function callSidecar(porthole: Porthole, cdpUrl: string): Promise<number> {
  const { podIp } = await findSandboxOf(porthole, cdpUrl);
  const startedAt = performance.now();
  const { status } = await getBy(dialFromHere, { host: podIp, port: ports.proxyHealth }, paths.ready);
  if (status !== 200) throw new Error(`the sidecar answered ${status}`);
  return performance.now() - startedAt;
}

/** Warm sessions with a proxy of their own beside warm sessions without. */
export async function measureProxy(run: Run): Promise<void> {
  await using upstream = await startUpstream();
  await using porthole = await startPorthole(run, knobsFor(pairs));
  const proxy: Capability = {
    name: 'proxyUrl',
    plain: {},
    wish: { proxyUrl: `http://user:password@127.0.0.1:${(upstream.address() as AddressInfo).port}` },
    bareName: 'a call to the sidecar',
    bare: ({ cdpUrl }) => callSidecar(porthole, cdpUrl),
  };
  await measureCapabilities(run, { section: 'proxy', porthole, capabilities: [proxy], rounds, pairs });
}

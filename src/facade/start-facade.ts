import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { createServer } from '../lib/http.ts';
import { createApp } from './app.ts';
import { createPages } from './docs/pages.ts';
import { createAuthenticate } from './http/authenticate.ts';
import { refuseBrokenRequest } from './http/broken-request.ts';
import { createInFlight } from './http/in-flight.ts';
import { createObserve } from './http/observe.ts';
import { startSweeper } from './idempotency/sweeper.ts';
import { createFacadeMetrics } from './metrics.ts';
import { createOperations } from './operations.ts';
import type { FacadeOptions } from './options.ts';

export interface Facade extends AsyncDisposable {
  readonly port: number;
}

/** Slow senders are cut off (408); a POST that waits for its browser is not one. */
const serverOptions = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16_384,
};
/** What is under way at the end may finish for so long. */
const closeGraceMs = 2_000;

/**
 * Serves the REST API until disposed. Disposing refuses new connections, ends the waiting POSTs with a 503 after removing their
 * sessions, and lets the rest finish; store and informers must live until it is done.
 */
export async function startFacade(options: FacadeOptions): Promise<Facade> {
  const { host, port, logger, clock, accounts, registry, refusePeer = () => false, version } = options;
  const shutdown = new AbortController();
  const stack = new AsyncDisposableStack();
  const metrics = createFacadeMetrics(registry);
  const inFlight = createInFlight();
  const { operations, records } = createOperations({ ...options, metrics, shutdown: shutdown.signal, stack });
  const app = createApp({
    operations,
    pages: createPages(version),
    authenticate: createAuthenticate(accounts),
    inFlight,
    observe: createObserve({ clock, logger, metrics }),
  });
  stack.use(startSweeper({ records, clock, logger }));
  const server = createServer(serverOptions, app);
  server.on('connection', (socket: Socket) => {
    if (refusePeer(peerOf(socket))) socket.destroy();
  });
  server.on('clientError', refuseBrokenRequest);
  server.on('request', (_req, res) => res.once('close', () => shutdown.signal.aborted && releaseIdle(server)));
  await listen(server, host, port).catch(async (error: unknown) => {
    await stack.disposeAsync();
    throw error;
  });
  stack.defer(() => inFlight.settled());
  stack.defer(() => close(server, clock));
  stack.defer(() => shutdown.abort());
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** IPv4 addresses arrive as ::ffff:a.b.c.d on a dual-stack socket. */
function peerOf(socket: Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A connection counts as idle only after its answer's close event. */
function releaseIdle(server: Server): void {
  setImmediate(() => server.closeIdleConnections());
}

async function close(server: Server, clock: Clock): Promise<void> {
  using _ = clock.schedule(closeGraceMs, () => server.closeAllConnections());
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

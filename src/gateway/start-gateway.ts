import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from '../lib/http.ts';
import { endings } from './close-codes.ts';
import { Connections, endWithTheirSession, startSweep, sweepMs } from './connections.ts';
import { createDoor } from './door.ts';
import { createExplainLoss } from './explain-loss.ts';
import { createAudienceNotes } from './live/audience.ts';
import { loadLiveAssets } from './live/assets.ts';
import { createGatewayMetrics, type GatewayMetrics } from './metrics.ts';
import { defaults, type Gateway, type GatewayOptions } from './options.ts';
import { refusals, toHttpAnswer } from './refusal.ts';
import { farewellMs } from './relay.ts';
import { createPublicProtocol } from './public-protocol.ts';
import { createRequests } from './requests.ts';
import { createResolve } from './resolve.ts';
import { keepAliveMs } from './socket-end.ts';
import { createUpgrade } from './upgrade.ts';

/** Heads are short and come at once; whoever dribbles them is cut off (408). Bodies have no business here. */
const serverOptions = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 10_000,
  maxHeaderSize: 16_384,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: keepAliveMs,
} as const;

/** Serves CDP to clients until disposed. Listens as soon as the informers know what there is. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { sessions, pods, accounts, clock, logger, registry } = options;
  await Promise.all([sessions.synced, pods.synced, accounts.synced]);
  await using starting = new AsyncDisposableStack();
  const metrics = createGatewayMetrics(registry);
  const connections = new Connections();
  let isDraining = false;
  let port = 0;
  const publicBase = (): string => options.publicCdpUrl?.replace(/\/+$/, '') ?? `ws://${urlHost(options.host)}:${port}`;
  const resolve = createResolve(options);
  const door = createDoor({ ...options, resolve });
  const publicProtocol = createPublicProtocol({ ...options, resolve });
  const server = createServer(
    { ...serverOptions, shouldUpgradeCallback: (request) => isWebSocket(request.headers.upgrade) },
    createRequests({ ...options, door, resolve, metrics, publicBase, publicProtocol, liveAssets: loadLiveAssets() }),
  );
  const audience = starting.use(createAudienceNotes({ ...options, resolve }));
  const explainLoss = createExplainLoss(options);
  const isDrainingNow = (): boolean => isDraining;
  server.on(
    'upgrade',
    createUpgrade({ ...options, door, connections, explainLoss, audience, metrics, isDraining: isDrainingNow }),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseBroken(error, socket, metrics));
  server.on('connection', (socket: Socket) => dropUnwanted(socket, options, metrics));
  starting.use(endWithTheirSession(connections, options));
  starting.use(startSweep(connections, clock));
  await listen(server, options);
  ({ port } = server.address() as AddressInfo);
  logger.info({ host: options.host, port }, 'the gateway listens');

  const end = async (waitMs: number): Promise<void> => {
    isDraining = true;
    const closed = closeServer(server);
    await connections.untilEmpty(clock, waitMs);
    connections.endWhere(() => true, endings.restarting);
    // The sweep ends whoever outstays the farewell.
    await connections.untilEmpty(clock, farewellMs + 2 * sweepMs);
    server.closeAllConnections();
    await closed;
  };
  starting.defer(() => end(0));
  const running = starting.move();
  return {
    port,
    drain: () => end(options.drainMs ?? defaults.drainMs),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function isWebSocket(upgrade: string | undefined): boolean {
  return upgrade?.toLowerCase() === 'websocket';
}

/** A URL needs an address that can be dialled, and brackets around IPv6. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** IPv4 addresses arrive as ::ffff:a.b.c.d on a dual-stack socket. */
function dropUnwanted(socket: Socket, { refusePeer }: GatewayOptions, metrics: GatewayMetrics): void {
  if (!refusePeer?.((socket.remoteAddress ?? '').replace(/^::ffff:/, ''))) return;
  metrics.refused('peer');
  socket.destroy();
}

const brokenStatuses: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

function refuseBroken(error: NodeJS.ErrnoException, socket: Socket, metrics: GatewayMetrics): void {
  metrics.refused('bad_request');
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = brokenStatuses[error.code ?? ''] ?? 400;
  socket.end(toHttpAnswer({ ...refusals.badRequest, status }), () => socket.destroy());
}

function listen(server: Server, { host, port }: GatewayOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Resolves when the last plain HTTP connection is gone; WebSockets are no longer the server's. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

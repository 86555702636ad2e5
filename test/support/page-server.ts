import { createServer } from 'node:http';
import { once } from 'node:events';
import { connect, type AddressInfo, type Server } from 'node:net';
import { pipeline } from 'node:stream';
import { WebSocketServer } from 'ws';

/** A little web site on this machine for browsers to visit. */
export interface PageServer extends AsyncDisposable {
  /** Ends in a slash. Any path answers a page whose title is `Page <path>`, or takes a WebSocket. */
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly visits: readonly string[];
}

/** Listens on an address of another network, and hands the listening socket over. */
type ListenElsewhere = (host: string, port: number) => Promise<Server>;

const elsewhere = new Map<string, Set<ListenElsewhere>>();

/** From now until disposed, page servers of this host are in that network: it is the same address in the network of every node. */
export function offerNetwork(host: string, listen: ListenElsewhere): Disposable {
  const networks = elsewhere.get(host) ?? new Set();
  elsewhere.set(host, networks.add(listen));
  return { [Symbol.dispose]: () => void networks.delete(listen) };
}

/** One port in all of them. */
async function listenEverywhere(host: string, networks: ReadonlySet<ListenElsewhere>): Promise<readonly Server[]> {
  const servers: Server[] = [];
  let port = 0;
  for (const listen of networks) {
    const server = await listen(host, port);
    port = (server.address() as AddressInfo).port;
    servers.push(server);
  }
  return servers;
}

export async function startPageServer(host = '127.0.0.1'): Promise<PageServer> {
  const visits: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    visits.push(path);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><title>Page ${path}</title><p>A page of the test's own at ${path}</p>`);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (_socket, request) => void visits.push(request.url ?? '/'));
  const networks = await listenEverywhere(host, elsewhere.get(host) ?? new Set());
  for (const network of networks) network.on('connection', (socket) => server.emit('connection', socket));
  if (networks.length === 0) {
    server.listen(0, host);
    await once(server, 'listening');
  }
  const { port } = (networks[0] ?? server).address() as AddressInfo;
  return {
    url: `http://${host}:${port}/`,
    visits,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      for (const network of networks) network.close();
      if (networks.length > 0) return;
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What comes to a server is connected with a port of this machine's loopback. */
export function relay(server: Server, port: number): void {
  server.on('connection', (socket) => {
    const target = connect({ host: '127.0.0.1', port });
    // Whichever way ends first, and however, is the end of both.
    const end = (): void => void [socket, target].map((one) => one.destroy());
    pipeline(socket, target, end);
    pipeline(target, socket, end);
  });
}

/**
 * Makes a port of this machine's loopback one of the same number at `host`, where that is an address of another network. Returns what ends it.
 */
export async function exposePort(host: string, port: number): Promise<AsyncDisposable> {
  const exposed = await Promise.all([...(elsewhere.get(host) ?? [])].map((listen) => listen(host, port)));
  for (const network of exposed) relay(network, port);
  return {
    [Symbol.asyncDispose]: async () => {
      for (const network of exposed) network.close();
      await Promise.resolve();
    },
  };
}

import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { listenElsewhere } from './other-networks.ts';

/** A little web site on this machine for browsers to visit. */
export interface PageServer extends AsyncDisposable {
  /** Ends in a slash. Any path answers a page whose title is `Page <path>`, or takes a WebSocket. */
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly visits: readonly string[];
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
  const networks = await listenElsewhere(host);
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

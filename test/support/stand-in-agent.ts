import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { BareChromium } from './bare-chromium.ts';

/** The part of an agent that the gateway talks to: Chromium under /cdp, without checks. It writes down what it was asked. */
export interface StandInAgent extends AsyncDisposable {
  readonly port: number;
  readonly requests: { readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders }[];
  /** Takes the place of Chromium for the next WebSockets: gets the socket right after the request head. */
  onUpgrade: ((socket: Socket, accept: string) => void) | undefined;
}

export async function startStandInAgent(chromium?: BareChromium): Promise<StandInAgent> {
  const sockets = new Set<Socket>();
  const requests: StandInAgent['requests'] = [];
  const host = '127.0.0.1';
  const port = chromium?.devtoolsPort ?? 1;
  const toChromium = (url: string): string =>
    url === '/cdp/browser' ? (chromium?.browserPath ?? '/') : url.replace(/^\/cdp/, '');
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    requests.push({ method, url, headers });
    const asked = request({ host, port, method, path: toChromium(url), headers: { host: 'localhost' } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    asked.on('error', () => outgoing.destroy());
    asked.end();
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => void sockets.delete(socket));
  });
  server.on('upgrade', (incoming, socket: Socket, head: Buffer) => {
    const { method = '', url = '', headers } = incoming;
    requests.push({ method, url, headers });
    const key = headers['sec-websocket-key'] ?? '';
    if (agent.onUpgrade) {
      agent.onUpgrade(socket, key);
      return;
    }
    const upstream = connect({ host, port, noDelay: true });
    const lines = [`GET ${toChromium(url)} HTTP/1.1`, 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'];
    upstream.write(`${lines.join('\r\n')}\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    upstream.write(head);
    upstream.on('error', () => undefined).on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    socket.pipe(upstream);
    upstream.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const agent: StandInAgent = {
    port: (server.address() as AddressInfo).port,
    requests,
    onUpgrade: undefined,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return agent;
}

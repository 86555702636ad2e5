import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface ProxiedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly isWatch: boolean;
}

/**
 * What happens to a request. answer: the server never hears of it. refuse: the connection is cut before the server hears of it. lose:
 * the server does what was asked, and its answer gets lost.
 */
export type Fault =
  | { readonly kind: 'answer'; readonly code: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'lose' };

/** A proxy in front of an API server that does to requests what a bad network and a busy server do. It speaks plain HTTP on loopback. */
export interface FaultyProxy extends AsyncDisposable {
  readonly server: string;
  /** Asked for each request; undefined: it passes. */
  faultFor: (request: ProxiedRequest) => Fault | undefined;
  /** Text of a kubeconfig, for the same user through this proxy. Knows those of `formatKubeconfig`. */
  redirect(kubeconfig: string): string;
  /** Breaks the connection of every watch that is open; gives their number. */
  cutWatches(): number;
  /** Tells every open watch that its version is too old, as the server does: HTTP 200 and an ERROR event with code 410. */
  expireWatches(): number;
  /** Faults so far. */
  readonly faults: number;
}

const reasons: Readonly<Record<number, string>> = {
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

function statusOf(code: number): object {
  const text = { reason: reasons[code] ?? 'Unknown', message: 'a fault that a test asked for' };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, ...text };
}

class Proxy implements FaultyProxy {
  faultFor: FaultyProxy['faultFor'] = () => undefined;
  faults = 0;
  readonly #upstream: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #watches = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  readonly #listener = createServer((incoming, outgoing) => this.#serve(incoming, outgoing));

  constructor({ server, ca }: { readonly server: string; readonly ca: string }) {
    const { hostname, port } = new URL(server);
    this.#upstream = { host: hostname, port, ca, agent: this.#agent };
    this.#listener.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => void this.#sockets.delete(socket)).on('error', () => undefined);
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#listener.listen(0, '127.0.0.1', resolve));
  }

  get server(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  redirect(kubeconfig: string): string {
    const config = JSON.parse(kubeconfig) as { clusters: readonly { name: string }[] };
    // Without this word client-node speaks no plain HTTP.
    const cluster = { server: this.server, 'insecure-skip-tls-verify': true };
    const clusters = config.clusters.map(({ name }) => ({ name, cluster }));
    return JSON.stringify({ ...config, clusters });
  }

  cutWatches(): number {
    const open = [...this.#watches];
    for (const watch of open) watch.destroy();
    return open.length;
  }

  expireWatches(): number {
    const open = [...this.#watches];
    for (const watch of open) watch.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(410) })}\n`);
    return open.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', url: path = '/' } = incoming;
    const isWatch = new URL(path, this.server).searchParams.has('watch');
    const fault = this.faultFor({ method, path, isWatch });
    if (fault) this.faults += 1;
    outgoing.on('error', () => undefined);
    if (fault?.kind === 'refuse') outgoing.destroy();
    else if (fault?.kind === 'answer') answer(outgoing, fault);
    else this.#forward(incoming, outgoing, { isLost: fault !== undefined, isWatch });
  }

  #forward(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { isLost, isWatch }: { readonly isLost: boolean; readonly isWatch: boolean },
  ): void {
    const { method = 'GET', url = '/', headers } = incoming;
    const asked = request({ ...this.#upstream, method, path: url, headers }, (answered) => {
      if (isLost) {
        answered.resume().on('end', () => outgoing.destroy());
        return;
      }
      if (isWatch) this.#watches.add(outgoing);
      outgoing.writeHead(answered.statusCode ?? 500, answered.headers);
      outgoing.flushHeaders();
      answered.on('error', () => outgoing.destroy()).pipe(outgoing);
      answered.on('close', () => !answered.complete && outgoing.destroy());
    });
    asked.on('error', () => outgoing.destroy());
    outgoing.on('close', () => {
      this.#watches.delete(outgoing);
      // What was asked for is done even if nobody waits for the answer any more; a watch is of no use then.
      if (isWatch) asked.destroy();
    });
    incoming.pipe(asked);
  }
}

function answer(outgoing: ServerResponse, { code, retryAfterSeconds }: Extract<Fault, { kind: 'answer' }>): void {
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'retry-after': `${retryAfterSeconds}` };
  outgoing.writeHead(code, { 'content-type': 'application/json', ...retryAfter }).end(JSON.stringify(statusOf(code)));
}

/** A proxy without faults so far. */
export async function startFaultyProxy(apiServer: {
  readonly server: string;
  readonly ca: string;
}): Promise<FaultyProxy> {
  const proxy = new Proxy(apiServer);
  await proxy.listen();
  return proxy;
}

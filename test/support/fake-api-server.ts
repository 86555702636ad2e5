import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeAccess } from '../../src/kube/apiserver/access.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Responder = (request: SeenRequest, response: ServerResponse) => void;

/** A server that says what a test tells it to say, request by request. */
export interface FakeApiServer extends AsyncDisposable {
  readonly access: KubeAccess;
  readonly requests: readonly SeenRequest[];
  /** How often the credentials were asked for anew. */
  readonly renewals: number;
  /** The answers to the next requests, in this order; what comes after them gets 599. */
  answer(...responders: readonly Responder[]): void;
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Responder {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** A Status of a failure. */
export function failed(code: number, reason: string, more: Record<string, unknown> = {}): Responder {
  const { retryAfter, ...rest } = more as { retryAfter?: string };
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: reason, ...rest };
  return json(code, status, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
}

/** Hangs up without an answer. */
export const hangUp: Responder = (_, response) => void response.socket?.destroy();

/** Reads, and never says anything. */
export const silence: Responder = () => undefined;

/** Begins a watch and hands it over. */
export function stream(begin: (response: ServerResponse) => void): Responder {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    begin(response);
  };
}

async function read(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? '', 'http://fake');
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

export async function startFakeApiServer(options: { readonly port?: number } = {}): Promise<FakeApiServer> {
  const requests: SeenRequest[] = [];
  const responders: Responder[] = [];
  let renewals = 0;
  const server = createServer((request, response) => {
    void read(request).then((seen) => {
      requests.push(seen);
      (responders.shift() ?? json(599, 'nobody has told me what to say'))(seen, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  // The same object each time, as the access has to give.
  const tokens = new Map<number, Record<string, string>>();
  const headers = (): Record<string, string> => {
    const known = tokens.get(renewals) ?? { authorization: `Bearer token-${renewals}` };
    tokens.set(renewals, known);
    return known;
  };
  return {
    access: {
      server: `http://127.0.0.1:${port}`,
      namespace: undefined,
      headers: (renew = false) => {
        if (renew) renewals += 1;
        return Promise.resolve(headers());
      },
      tls: () => Promise.resolve({}),
    },
    requests,
    get renewals() {
      return renewals;
    },
    answer: (...more) => void responders.push(...more),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { paths } from '../api/agent/contract.ts';
import { createServer } from '../lib/http.ts';
import type { BindAnswer } from './upstream-door.ts';
import type { TrafficReport } from './traffic.ts';

export interface HealthOptions {
  /** Whether the proxy takes requests. */
  readonly isReady: () => boolean;
  readonly report: () => TrafficReport;
  /** Takes the session's upstream: a body, and what stands in `Authorization`. */
  readonly bind: (order: string, authorization: string) => BindAnswer;
  /** Whether a client at this address belongs to the proxy's own pod. */
  readonly isOwnClient: (address: string) => boolean;
}

/** Bytes; certificates are what is long in an order. */
const longestOrder = 128 * 1024;

function writeJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/** Answers once the order is whole. */
function takeOrder(request: IncomingMessage, response: ServerResponse, bind: HealthOptions['bind']): void {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= longestOrder) chunks.push(chunk);
  });
  request.on('end', () => {
    const order = Buffer.concat(chunks).toString();
    const { status, message } =
      length > longestOrder
        ? { status: 413, message: 'The order is too long.' }
        : bind(order, request.headers.authorization ?? '');
    writeJson(response, status, { message });
  });
}

/** Liveness, readiness and counters of the proxy, and the door for its upstream; it is not listening yet. */
export function createHealthServer({ isReady, report, bind, isOwnClient }: HealthOptions): Server {
  const answers = new Map<string, () => readonly [status: number, body: object]>([
    [paths.live, () => [200, { alive: true }]],
    [paths.ready, () => [isReady() ? 200 : 503, { ready: isReady() }]],
    [paths.traffic, () => [200, report()]],
  ]);
  return createServer((request, response) => {
    const isOrder = request.method === 'POST' && request.url === paths.upstream;
    if (isOrder && isOwnClient(request.socket.remoteAddress ?? '')) {
      takeOrder(request, response, bind);
      return;
    }
    const answer = request.method === 'GET' ? answers.get(request.url ?? '') : undefined;
    const [status, body] = answer?.() ?? [404, { message: `try ${[...answers.keys()].join(', ')}` }];
    writeJson(response, status, body);
  });
}

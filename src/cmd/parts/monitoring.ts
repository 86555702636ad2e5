import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { createServer } from '../../lib/http.ts';
import type { Logger } from '../../lib/logger.ts';

export interface MonitoringOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Why the process cannot serve yet or any more; undefined when it can. */
  readonly notReadyBecause: () => string | undefined;
  readonly refusePeer: (address: string) => boolean;
  readonly logger: Logger;
}

export interface Monitoring extends AsyncDisposable {
  readonly port: number;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const text = (status: number, body: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${body}\n`,
});

/** `/metrics` (Prometheus text format), `/healthz` and `/readyz`, on a port of their own that needs no key. */
export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const { registry, notReadyBecause } = options;
  const answers: Readonly<Record<string, () => Promise<Answer>>> = {
    '/metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
    '/healthz': () => Promise.resolve(text(200, 'ok')),
    '/readyz': () => {
      const reason = notReadyBecause();
      return Promise.resolve(reason ? text(503, reason) : text(200, 'ok'));
    },
  };
  const notFound = (): Promise<Answer> => Promise.resolve(text(404, 'There are /metrics, /healthz and /readyz.'));
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
    void (answer ?? notFound)()
      .catch((err: unknown) => {
        options.logger.error({ err, path }, 'a monitoring request failed');
        return text(500, 'This failed; the log says why.');
      })
      .then(({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type }).end(body);
      });
  });
  server.on('connection', (socket) => {
    if (options.refusePeer(socket.remoteAddress ?? '')) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { paths } from '../../api/agent/contract.ts';
import { request } from '../../lib/http.ts';
import type { DevtoolsEndpoint } from '../chromium/launch.ts';
import { Refusal } from './refusal.ts';

/** GET to look, PUT to open a tab (`/json/new`); Chromium knows no others here. */
const methods = new Set(['GET', 'PUT']);

/** A page loads in as long as it takes, but `/json/new` does not wait for that. */
const patienceMs = 10_000;

/**
 * Relays a request for one of Chromium's own HTTP pages (`/json/version`, `/json/list`, `/json/protocol`, the DevTools front-end) as
 * it is; what its answer says about addresses is for the gateway to put right.
 * https://chromedevtools.github.io/devtools-protocol/#endpoints
 */
export function relayDevtoolsHttp(
  incoming: IncomingMessage,
  response: ServerResponse,
  { port }: DevtoolsEndpoint,
): Promise<void> {
  const { method = '', url = '' } = incoming;
  if (!methods.has(method)) throw new Refusal('bad_request', `DevTools have no ${method}.`);
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  // Any other Host than an address or localhost is taken for DNS rebinding and answered 500.
  const headers = { host: 'localhost', 'content-length': 0 };
  const asking = request({ host: '127.0.0.1', port, method, path: url.slice(paths.cdp.length), headers });
  asking.setTimeout(patienceMs, () => void asking.destroy(new Error('timeout')));
  asking.on('error', (cause) => reject(new Refusal('browser_gone', 'The browser does not answer.', { cause })));
  asking.on('response', (answer) => {
    const type = answer.headers['content-type'] ?? 'application/octet-stream';
    response.writeHead(answer.statusCode ?? 502, { 'content-type': type });
    answer.on('error', () => void response.destroy());
    answer.pipe(response);
    response.once('close', () => resolve(undefined));
  });
  asking.end();
  return promise;
}

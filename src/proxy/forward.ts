import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { request as startRequest } from '../lib/http.ts';
import { createRoutes, type Route } from './connection-agent.ts';
import { EgressError, toEgressError } from './egress-error.ts';
import { toEndToEnd } from './headers.ts';
import { refuse } from './refusal.ts';
import { maxHeaderBytes, type RelayOptions } from './relay.ts';
import { parseAbsoluteForm, type HttpTarget } from './target.ts';

/** A chunked body has no length; what else is said about it would be believed by somebody further on (RFC 9112 section 6.3). */
function outdatedBy({ headers }: IncomingMessage): readonly string[] {
  return headers['transfer-encoding'] === undefined ? [] : ['content-length'];
}

/** The fields of a request as the origin server gets them. */
export function toOriginHeaders(request: IncomingMessage, target: HttpTarget): string[] {
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  return [
    ...['Host', target.authority],
    ...toEndToEnd(request.rawHeaders, ['host', ...outdatedBy(request)]),
    ...(isChunked ? ['Transfer-Encoding', 'chunked'] : []),
  ];
}

/** Passes a host's answer on. Throws when it is one that HTTP does not know. */
export function relayResponse(incoming: IncomingMessage, response: ServerResponse): void {
  const status = incoming.statusCode ?? 0;
  if (status < 200) throw new EgressError('bad_response', { message: `status ${status}` });
  const reason = (incoming.statusMessage ?? '').replace(/[^\t\x20-\x7e]/g, '');
  response.sendDate = false;
  response.writeHead(status, reason, toEndToEnd(incoming.rawHeaders, outdatedBy(incoming)));
  // A body that broke off must not look complete: pipeline then destroys the browser's connection.
  pipeline(incoming, response, () => undefined);
  // Together with the first of the body when that is there already, but not held back for it (server-sent events).
  setImmediate(() => response.flushHeaders());
}

function send(request: IncomingMessage, target: HttpTarget, { agent, carriage }: Route): ClientRequest {
  return startRequest({
    agent,
    host: target.host,
    port: target.port,
    method: request.method,
    path: carriage.isProxied ? `http://${target.authority}${target.path}` : target.path,
    headers: [...toOriginHeaders(request, target), ...carriage.headers],
    maxHeaderSize: maxHeaderBytes,
    // Servers that browsers put up with, the proxy must put up with.
    insecureHTTPParser: true,
  });
}

/**
 * Any request but CONNECT, in absolute form; HTTP in the clear:
 *
 * ```
 * browser -> (GET http://host/path) proxy -> (GET /path) web
 * browser <- proxy <- web
 * ```
 */
export function createForward({
  upstream,
  onProblem,
}: RelayOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const routeOf = createRoutes(upstream);

  return (request, response) => {
    const target = parseAbsoluteForm(request.url ?? '');
    const route = routeOf(request.socket);
    const outgoing = send(request, target, route);
    const fail = (cause: unknown): void => {
      outgoing.destroy();
      if (response.destroyed) return;
      if (response.headersSent) {
        response.destroy();
      } else if (outgoing.reusedSocket) {
        // The host had closed the idle connection. So does the proxy then: the browser knows what may be sent again.
        request.socket.destroy();
      } else {
        const error = toEgressError(cause);
        onProblem(error, target);
        refuse(response, error.code);
      }
    };
    outgoing.once('response', (incoming) => {
      try {
        const problem = route.carriage.judge(incoming.statusCode ?? 0);
        if (problem) throw new EgressError(problem);
        relayResponse(incoming, response);
      } catch (error) {
        fail(error);
      }
    });
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy();
      fail(new EgressError('bad_response', { message: 'a change of protocols that nobody asked for' }));
    });
    outgoing.on('error', fail);
    response.once('close', () => {
      // The browser went away, or the host answered before it had read all: nobody needs the rest.
      if (!response.writableFinished || !outgoing.writableFinished) outgoing.destroy();
      request.unpipe(outgoing).resume();
    });
    request.pipe(outgoing);
  };
}

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { request as startRequest, ServerResponse } from '../lib/http.ts';
import { toEgressError } from './egress-error.ts';
import { relayResponse, toOriginHeaders } from './forward.ts';
import { toEndToEnd } from './headers.ts';
import { refuseOn } from './refusal.ts';
import { abortWith, maxHeaderBytes, type RelayOptions } from './relay.ts';
import { splice } from './splice.ts';
import { parseAbsoluteForm, type HttpTarget } from './target.ts';
import type { Detached } from './tunnel.ts';

const switching = ['Connection', 'Upgrade', 'Upgrade', 'websocket'];

function toSwitchingHead({ rawHeaders }: IncomingMessage): string {
  const fields = [...switching, ...toEndToEnd(rawHeaders)];
  const lines = fields.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`));
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`;
}

function ask(request: IncomingMessage, target: HttpTarget, host: Socket): ClientRequest {
  const outgoing = startRequest({
    createConnection: () => host,
    method: request.method,
    path: target.path,
    headers: [...toOriginHeaders(request, target), ...switching],
    maxHeaderSize: maxHeaderBytes,
  });
  outgoing.end();
  return outgoing;
}

/** The host would rather not: its answer is the last thing on this connection, which HTTP has let go of already. */
function relayDeclined(incoming: IncomingMessage, { request, client }: Detached): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(client);
  response.once('finish', () => client.end());
  relayResponse(incoming, response);
}

/**
 * A WebSocket opened by an upgrade in absolute form (RFC 6455 section 4.1 has browsers use CONNECT; other clients do this):
 *
 * ```
 * client -> (GET ws://host/path, Upgrade) proxy -> (GET /path, Upgrade) web
 * client <- (101) proxy <- (101) web
 * client <========= raw bytes =========> web
 * ```
 */
export function createUpgrade({ upstream, onProblem }: RelayOptions): (detached: Detached) => Promise<void> {
  return async (detached) => {
    const { request, client, head } = detached;
    const target = parseAbsoluteForm(request.url ?? '');
    const fail = (cause: unknown): void => {
      if (client.destroyed) return;
      const error = toEgressError(cause);
      onProblem(error, target);
      refuseOn(client, error.code);
    };
    try {
      const outgoing = ask(request, target, await upstream.open(target, { signal: abortWith(client) }));
      client.once('close', () => outgoing.destroy());
      outgoing.once('error', fail);
      outgoing.once('response', (incoming) => {
        try {
          relayDeclined(incoming, detached);
        } catch (error) {
          fail(error);
        }
      });
      outgoing.once('upgrade', (incoming, host, early) => {
        client.write(toSwitchingHead(incoming));
        if (early.length > 0) client.write(early);
        if (head.length > 0) host.write(head);
        splice(client, host);
      });
    } catch (cause) {
      fail(cause);
    }
  };
}

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { toEgressError } from './egress-error.ts';
import { refuseOn } from './refusal.ts';
import { abortWith, type RelayOptions } from './relay.ts';
import { createPump } from './splice.ts';
import { parseAuthority } from './target.ts';

/** What is left of a request when HTTP ends and bytes begin. */
export interface Detached {
  readonly request: IncomingMessage;
  readonly client: Socket;
  /** Bytes that came with the request's head and belong to what follows. */
  readonly head: Buffer;
}

/**
 * CONNECT (RFC 9110 section 9.3.6): https, and WebSockets of either kind:
 *
 * ```
 * browser -> (CONNECT host:port) proxy -> web
 * browser <======== raw bytes ========> web
 * ```
 */
export function createTunnel({ upstream, onProblem }: RelayOptions): (detached: Detached) => Promise<void> {
  return async ({ request, client, head }) => {
    const target = parseAuthority(request.url ?? '');
    try {
      const pump = createPump();
      const host = await upstream.open(target, { signal: abortWith(client), onread: pump.onread });
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) host.write(head);
      pump.splice(host, client);
    } catch (cause) {
      if (client.destroyed) return;
      const error = toEgressError(cause);
      onProblem(error, target);
      refuseOn(client, error.code);
    }
  };
}

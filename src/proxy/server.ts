import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { createServer } from '../lib/http.ts';
import { toIpAddress } from '../lib/net-address.ts';
import { EgressError, toEgressError } from './egress-error.ts';
import { createForward } from './forward.ts';
import { refuse, refuseOn } from './refusal.ts';
import { maxHeaderBytes, type RelayOptions } from './relay.ts';
import { createTunnel, type Detached } from './tunnel.ts';
import { createUpgrade } from './upgrade.ts';

export interface ProxyServerOptions extends RelayOptions {
  /** Whether a client at this address belongs to the proxy's own pod. */
  readonly isOwnClient: (address: string) => boolean;
}

/** Chromium drops idle connections after 300 s: the proxy must not be the first, or a request meets a closing connection. */
const keepAliveTimeoutMs = 330_000;
const keepAliveDelayMs = 15_000;
/** Chromium opens at most 32 connections to a proxy, and 255 for WebSockets. */
const maxConnections = 1024;

/**
 * Clients of a pod are the pod. Where it is a process of this machine, its browser comes from 127.0.0.1; other sandboxes' proxies
 * come from their own pods' addresses.
 */
export function isClientOfPod(podIp: string, address: string): boolean {
  const client = toIpAddress(address)?.text;
  return client !== undefined && [toIpAddress(podIp)?.text, '127.0.0.1', '::1'].includes(client);
}

/** An HTTP forward proxy; it is not listening yet. */
export function createProxyServer({ upstream, onProblem, isOwnClient }: ProxyServerOptions): Server {
  const forward = createForward({ upstream, onProblem });
  const tunnel = createTunnel({ upstream, onProblem });
  const upgrade = createUpgrade({ upstream, onProblem });

  const admit = (request: IncomingMessage): void => {
    if (!isOwnClient(request.socket.remoteAddress ?? '')) throw new EgressError('foreign_client');
  };

  const server = createServer({
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelayMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // Uploads take as long as they take; heads must come within Node's 60 s.
    requestTimeout: 0,
    maxHeaderSize: maxHeaderBytes,
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = maxConnections;

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    try {
      admit(request);
      forward(request, response);
    } catch (cause) {
      const error = toEgressError(cause);
      onProblem(error, undefined);
      refuse(response, error.code);
    }
  });

  const takeOver = (detached: Detached, relay: (detached: Detached) => Promise<void>): void => {
    Promise.try(() => {
      admit(detached.request);
      return relay(detached);
    }).catch((cause: unknown) => {
      const error = toEgressError(cause);
      onProblem(error, undefined);
      refuseOn(detached.client, error.code);
    });
  };
  server.on('connect', (request, client, head) => {
    // Node's types leave open what the connection is; this server accepts TCP only.
    if (client instanceof Socket) takeOver({ request, client, head }, tunnel);
  });
  server.on('upgrade', (request, client, head) => {
    if (client instanceof Socket) takeOver({ request, client, head }, upgrade);
  });
  // HTTP lets go of a connection after CONNECT and Upgrade, and of its errors.
  server.on('connection', (client) => client.on('error', () => undefined));
  return server;
}

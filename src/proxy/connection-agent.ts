import type { ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Agent } from '../lib/http.ts';
import { abortWith } from './relay.ts';
import type { Carriage, Upstream } from './upstream.ts';

/** Servers close idle connections after 5 s to some minutes; a `Keep-Alive: timeout=` of theirs goes before this. */
const idleTimeoutMs = 60_000;

/**
 * The connections to hosts that belong to one connection of the browser, and to no other: so what is bound to a connection (NTLM,
 * the retry of a request whose connection had just died) means behind the proxy what it means without.
 */
class ConnectionAgent extends Agent {
  readonly #carriage: Carriage;
  readonly #signal: AbortSignal;

  constructor(carriage: Carriage, signal: AbortSignal) {
    super({ keepAlive: true, maxFreeSockets: 2, timeout: idleTimeoutMs });
    this.#carriage = carriage;
    this.#signal = signal;
  }

  override createConnection(
    { host, port }: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#carriage.open({ host: host ?? '', port: Number(port) }, { signal: this.#signal }).then(
      (socket) => {
        // The agent tells a connection that the host has closed only by its being closed.
        socket.allowHalfOpen = false;
        callback?.(null, socket);
      },
      (error: unknown) => (callback as ((error: unknown) => void) | undefined)?.(error),
    );
  }
}

/** How the requests of one connection of the browser go out. */
export interface Route {
  readonly agent: Agent;
  readonly carriage: Carriage;
}

/** Gives the route of a browser's connection; it ends with that connection. */
export function createRoutes(upstream: Upstream): (client: Socket) => Route {
  const routes = new WeakMap<Socket, Route>();
  return (client) => {
    const known = routes.get(client);
    if (known) return known;
    const carriage = upstream.carry();
    const route = { carriage, agent: new ConnectionAgent(carriage, abortWith(client)) };
    routes.set(client, route);
    client.once('close', () => route.agent.destroy());
    return route;
  };
}

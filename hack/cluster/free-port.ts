import { randomInt } from 'node:crypto';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Below those that Linux hands out by itself, so that no connection of anybody's takes one meanwhile; above those of browsers. */
const range = { first: 25_000, end: 32_768 } as const;
const mostTries = 20;

function tryToListen(host: string, port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

async function listen(host: string): Promise<Server> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tryToListen(host, randomInt(range.first, range.end));
    } catch (error) {
      if (tries === mostTries) throw error;
    }
  }
}

/**
 * TCP ports that nobody listens on now, all different. Somebody may before they are used: whoever cannot listen then says so and
 * ends.
 */
export async function findFreePorts(count: number, host = '127.0.0.1'): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(host)));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

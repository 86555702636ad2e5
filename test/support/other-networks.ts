import { connect, type AddressInfo, type Server } from 'node:net';
import { pipeline } from 'node:stream';

/* Servers of a test that are to be found in the network of a node, which is not this machine's. */

/** Listens on an address of another network, and hands the listening socket over. */
type Listen = (host: string, port: number) => Promise<Server>;

const elsewhere = new Map<string, Set<Listen>>();

/** From now until disposed, servers of this host are in that network: it is the same address in the network of every node. */
export function offerNetwork(host: string, listen: Listen): Disposable {
  const networks = elsewhere.get(host) ?? new Set();
  elsewhere.set(host, networks.add(listen));
  return { [Symbol.dispose]: () => void networks.delete(listen) };
}

/** The same port, 0 being any that is free, in all networks of that host; nothing for an address of this machine. */
export async function listenElsewhere(host: string, wanted = 0): Promise<readonly Server[]> {
  const servers: Server[] = [];
  let port = wanted;
  for (const listen of elsewhere.get(host) ?? []) {
    const server = await listen(host, port);
    port = (server.address() as AddressInfo).port;
    servers.push(server);
  }
  return servers;
}

/** What comes to a server is connected with a port of this machine's loopback. */
export function relay(server: Server, port: number): void {
  server.on('connection', (socket) => {
    const target = connect({ host: '127.0.0.1', port });
    // Whichever way ends first, and however, is the end of both.
    const end = (): void => void [socket, target].map((one) => one.destroy());
    pipeline(socket, target, end);
    pipeline(target, socket, end);
  });
}

/**
 * Makes a port of this machine's loopback one of the same number at `host`, where that is an address of another network. Returns what ends it.
 */
export async function exposePort(host: string, port: number): Promise<Disposable> {
  const exposed = await listenElsewhere(host, port);
  for (const network of exposed) relay(network, port);
  return {
    [Symbol.dispose]: () => {
      for (const network of exposed) network.close();
    },
  };
}

import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** Where TCP listens, as whoever dials sees it. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Opens a TCP connection, perhaps from another network than this process is in. Rejects when nobody listens there. */
export type Dial = (to: Place) => Promise<Socket>;

export const dialFromHere: Dial = async ({ host, port }) => {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  return socket;
};

export function placeOf(url: string): Place {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

export interface Got {
  readonly status: number;
  readonly body: string;
}

/** GET, on a connection of its own. Rejects when nobody answers. */
export async function getBy(dial: Dial, to: Place, path: string): Promise<Got> {
  const socket = await dial(to);
  const sent = request({ ...to, path, createConnection: () => socket, headers: { connection: 'close' } }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}

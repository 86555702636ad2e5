/**
 * The gateway's data path with nothing behind it but Chromium: the gateway's own handshake, dial and relay, without the door
 * (which opens once a connection) and without an agent. A program: `gateway-alone.ts <DevTools port> <path>` prints its port.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { endings } from '../../src/gateway/close-codes.ts';
import { dial } from '../../src/gateway/dial.ts';
import { parseHandshake, toSwitchingProtocols } from '../../src/gateway/handshake.ts';
import { Relay } from '../../src/gateway/relay.ts';
import { adoptEnd } from '../../src/gateway/socket-end.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** As in gateway/upgrade. */
const readBufferSize = 32_768;

async function relay(request: IncomingMessage, socket: Socket, fromClient: Buffer): Promise<void> {
  const [port, path = ''] = process.argv.slice(2);
  const handshake = parseHandshake(request.headers);
  const client = adoptEnd(socket, readBufferSize);
  if (!client || handshake.kind === 'refused') throw new Error('the client went away, or is no WebSocket');
  const { signal } = new AbortController();
  const to = { host: '127.0.0.1', port: Number(port) };
  const dialled = await dial({ to, path, ticket: 'none', handshake, clock: systemClock, signal });
  if (dialled.kind !== 'open') throw new Error(`Chromium: ${JSON.stringify(dialled)}`);
  client.socket.write(toSwitchingProtocols(handshake.key, dialled.protocol));
  const traffic = { fromClient: 0, toClient: 0 };
  const splice = new Relay({
    client,
    upstream: dialled.end,
    traffic,
    whyGone: () => Promise.resolve(endings.browserGone),
    onEnded: () => undefined,
    clock: systemClock,
  });
  splice.start({ fromClient, fromUpstream: dialled.early });
}

const server = createServer().on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
  relay(request, socket, head).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
    socket.destroy();
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
// By itself a signal would end it without the profile that --cpu-prof asks for.
process.once('SIGTERM', () => process.exit());

/**
 * Runs in a node's network, with listening sockets of the machine around it: what is accepted there goes on to the same port on
 * loopback here. Ends with whoever started it.
 */
import { connect, Server, type Socket } from 'node:net';

function join(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.pipe(to);
  // Ends of streams are piped; what is cut off is cut off on the other side too.
  from.once('error', () => to.resetAndDestroy());
  from.once('close', (hadError) => {
    if (hadError) to.resetAndDestroy();
  });
}

function serve(server: Server, port: number): void {
  (server as Server & { allowHalfOpen: boolean }).allowHalfOpen = true;
  server.on('connection', (outside) => {
    const within = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    join(outside, within);
    join(within, outside);
  });
}

process.on('message', ({ port }: { port: number }, server) => {
  if (server instanceof Server) serve(server, port);
  process.send?.({ serves: port });
});
process.once('disconnect', () => process.exit());

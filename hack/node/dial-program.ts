/**
 * Connects, in whatever network it runs, to where its parent tells it, and hands each connection over: it is then the parent's alone.
 * Ends with its parent.
 */
import { connect } from 'node:net';
import type { DialOrder } from './dialer.ts';

process.on('message', ({ id, host, port }: DialOrder) => {
  const socket = connect({ host, port, noDelay: true });
  // What the other side says is not for this process to read.
  socket.pause();
  socket.once('connect', () => process.send?.({ id }, socket));
  socket.once('error', ({ message }) => process.send?.({ id, problem: message }));
});
process.once('disconnect', () => process.exit());

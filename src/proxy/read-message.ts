import type { Socket } from 'node:net';
import { EgressError } from './egress-error.ts';

/** No answer of a proxy that we understand is longer. */
const longestMessage = 32 * 1024;

/** How many of `bytes` make a whole message; undefined while more must come. May throw. */
export type Measure = (bytes: Buffer) => number | undefined;

const refused = (message: string): EgressError => new EgressError('upstream_refused', { message });

/**
 * The next message on a connection that nobody else reads yet. What comes after it stays in the stream, which is afterwards as if
 * nobody had touched it. Rejects when the connection ends first.
 */
export function readMessage(socket: Socket, measure: Measure): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let held: Buffer = Buffer.alloc(0);
  const take = (): void => {
    for (let chunk = read(socket); chunk; chunk = read(socket)) held = Buffer.concat([held, chunk]);
    const length = measure(held);
    if (length === undefined) {
      if (held.length > longestMessage) throw refused('its answer has no end');
      return;
    }
    stop();
    if (held.length > length) socket.unshift(held.subarray(length));
    resolve(held.subarray(0, length));
  };
  const onReadable = (): void => {
    try {
      take();
    } catch (error) {
      fail(error);
    }
  };
  // Without a word it says nothing of why: some do so when they do not reach the host.
  const onEnd = (): void => fail(held.length > 0 ? refused('it broke off') : new EgressError('bad_response'));
  const onError = (cause: Error): void => fail(new EgressError('upstream_unreachable', { cause }));
  const stop = (): void => {
    socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError);
  };
  const fail = (error: unknown): void => {
    stop();
    reject(error);
  };
  socket.on('readable', onReadable).once('end', onEnd).once('close', onEnd).once('error', onError);
  return promise;
}

function read(socket: Socket): Buffer | null {
  const chunk: unknown = socket.read();
  return Buffer.isBuffer(chunk) ? chunk : null;
}

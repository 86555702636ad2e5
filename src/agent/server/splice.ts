import { connect, type Socket } from 'node:net';

export interface SpliceOptions {
  /** TCP port on 127.0.0.1. */
  readonly port: number;
  /** What is sent to it first: the head of a request. */
  readonly head: string;
  /** Sees every chunk of the client's before it goes on. */
  readonly watch?: ((chunk: Uint8Array) => void) | undefined;
}

/** Bytes read at once. A screenshot comes in megabytes: large enough to be worth a system call. */
const bufferLength = 64 * 1024;
const keepAliveMs = 15_000;

/**
 * Joins a client's socket to a port of this pod: bytes both ways, as they come, none looked at. A side that does not take them makes
 * the other wait: nothing is kept here but what is in two sockets and one buffer. When either goes, so does the other.
 */
export function splice(client: Socket, { port, head, watch }: SpliceOptions): Socket {
  const upstream = connectReused(port, client);
  upstream.write(head);
  client.setNoDelay(true).setKeepAlive(true, keepAliveMs);
  client.on('data', (chunk: Buffer) => {
    watch?.(chunk);
    if (!upstream.write(chunk)) client.pause();
  });
  upstream.on('drain', () => client.resume());
  closeTogether(client, upstream);
  closeTogether(upstream, client);
  client.resume();
  return upstream;
}

const nothing = new Uint8Array();

/** The way from the browser, where the bulk is: one buffer for the life of the connection. */
function connectReused(port: number, client: Socket): Socket {
  const buffer = Buffer.allocUnsafe(bufferLength);
  const release = (): void => void upstream.resume();
  const upstream = connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: {
      buffer,
      callback: (length) => {
        client.write(buffer.subarray(0, length));
        if (client.writableLength === 0) return true;
        // What could not be written at once still lies in the buffer, so nothing may be read into it until it is gone. An empty
        // write is a marker behind it; a callback on each write instead would make every message a microsecond later.
        client.write(nothing, release);
        return false;
      },
    },
  });
  return upstream;
}

/**
 * What was written before the end still arrives; what comes the other way after it has no reader: WebSocket knows no half-open
 * connections.
 */
function closeTogether(one: Socket, other: Socket): void {
  const follow = (): void => {
    if (!other.destroyed) other.end(() => other.destroy());
  };
  one.on('error', () => undefined); // 'close' follows
  one.on('end', follow).on('close', follow);
}

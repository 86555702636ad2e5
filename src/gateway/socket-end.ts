import { connect, Socket, type OnReadOpts } from 'node:net';

/** Looks at `buffer[0..length)`, which is only good until it returns; false: read no more until `resume`. */
export type OnBytes = (buffer: Buffer, length: number) => boolean;

/**
 * One end of a relay: a TCP socket that is read into one buffer over and over, without a stream in between
 * (`onread`, https://nodejs.org/api/net.html#new-netsocketoptions).
 */
export class SocketEnd {
  readonly socket: Socket;
  /** May be exchanged at any time, but not while it runs. */
  onBytes: OnBytes = () => false;
  readonly #bufferSize: number;
  #buffer: Buffer;

  constructor(open: (onread: OnReadOpts) => Socket, bufferSize: number) {
    this.#bufferSize = bufferSize;
    // Untouched pages cost nothing: most connections never fill more than the first.
    this.#buffer = Buffer.allocUnsafeSlow(bufferSize);
    this.socket = open({
      buffer: () => this.#buffer,
      callback: (length) => this.onBytes(this.#buffer, length),
    });
    // A socket that fails closes, and that is what others wait for.
    this.socket.on('error', () => undefined);
  }

  /** Whether more has been written than the peer takes. */
  get isFull(): boolean {
    return this.socket.writableNeedDrain && this.socket.writableLength > 0;
  }

  /**
   * How far the peer has taken what was written, as a text that changes whenever it takes some; undefined when it has taken
   * everything.
   */
  get takenSoFar(): string | undefined {
    const { socket } = this;
    if (socket.writableLength === 0) return undefined;
    const unsent = (socket as WithHandle)._handle?.writeQueueSize ?? 0;
    return `${socket.bytesWritten - socket.writableLength}/${unsent}`;
  }

  /**
   * Writes bytes that lie in the read buffer of `from`. Usually the kernel takes them at once; if it does not, the socket
   * keeps the buffer and `from` goes on with another. What queues up behind is copied: it may be small.
   */
  writeFrom(from: SocketEnd, bytes: Buffer): void {
    const { socket } = this;
    if (!socket.writable) return;
    if (socket.writableLength > 0) {
      socket.write(Buffer.from(bytes));
      return;
    }
    socket.write(bytes);
    if (socket.writableLength > 0) from.#buffer = Buffer.allocUnsafeSlow(from.#bufferSize);
  }
}

export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** Dead peers are found by TCP: 15 s of silence, then ten probes a second apart. */
export const keepAliveMs = 15_000;

/** Connects. It is read from the moment it is connected: give it `onBytes` in the same turn. */
export function connectEnd({ host, port }: Destination, bufferSize: number): SocketEnd {
  return new SocketEnd(
    (onread) => connect({ host, port, onread, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }),
    bufferSize,
  );
}

/** What Node's net keeps in `_handle`; not public, but the same since 0.x (lib/net.js, `new Socket({ handle })`). */
interface TcpHandle {
  reading: boolean;
  readStop(): number;
  /** Bytes of the write under way that the kernel has not taken yet. */
  readonly writeQueueSize: number;
}
type WithHandle = Socket & { _handle: TcpHandle | null };

/**
 * Takes a connection over from the HTTP server that it came in by: sockets of a server cannot be given `onread`, so the handle
 * moves to a socket that has it. That saves an allocation of 64 KiB and a pass through a stream for every read, which is a
 * tenth of the round trip. Nothing is read before `resume`. Undefined when the connection is closed already.
 */
export function adoptEnd(socket: Socket, bufferSize: number): SocketEnd | undefined {
  const from = socket as WithHandle;
  const handle = from._handle;
  if (!handle || socket.destroyed) return undefined;
  handle.readStop();
  handle.reading = false;
  from._handle = null;
  const end = new SocketEnd((onread) => {
    const options: object = { handle, onread, pauseOnCreate: true };
    return new Socket(options);
  }, bufferSize);
  // The shell has nothing left to close, but its server counts it until it is destroyed.
  socket.destroy();
  return end;
}

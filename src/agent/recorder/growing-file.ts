import { EventEmitter, once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';

/** A file that is written at its end, and read from anywhere while it grows. */
export interface GrowingFile {
  /** Bytes that can be read. */
  readonly bytes: number;
  append(chunk: Buffer): void;
  /** Nothing more comes. Resolves when all that was appended can be read. */
  complete(): Promise<void>;
  /** From byte `from`, followed until it is complete. */
  read(from: number, signal: AbortSignal): AsyncGenerator<Buffer>;
}

const readLength = 256 * 1024;

export function createGrowingFile(file: string, onError: (error: Error) => void): GrowingFile {
  const grew = new EventEmitter().setMaxListeners(0);
  const sink = createWriteStream(file, { mode: 0o600 }).on('error', onError);
  let bytes = 0;
  let isComplete = false;
  return {
    get bytes() {
      return bytes;
    },
    append: (chunk) => {
      sink.write(chunk, (error) => {
        if (error) return;
        bytes += chunk.length;
        grew.emit('grew');
      });
    },
    complete: async () => {
      await new Promise<void>((resolve) => sink.end(resolve).once('close', resolve));
      isComplete = true;
      grew.emit('grew');
    },
    read: async function* (from, signal) {
      await using handle = await open(file);
      for (let at = from; ;) {
        const length = Math.min(readLength, bytes - at);
        if (length > 0) {
          const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, at);
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        } else if (isComplete) return;
        else await once(grew, 'grew', { signal });
      }
    },
  };
}

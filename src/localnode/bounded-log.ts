import { open, rename, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';

/** Bytes in one file; there are two, the older with the suffix `.1`. */
const fileBytes = 1_048_576;
/** As much as Kubernetes puts into a termination message: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/ */
const tailBytes = 2_048;

export interface BoundedLog {
  /** The last 2 KiB that were written. */
  tail(): string;
  /** Resolves when all streams have ended and everything is written. */
  readonly ended: Promise<void>;
}

interface LogFile {
  handle: FileHandle | undefined;
  size: number;
}

async function rotate(file: LogFile, path: string): Promise<void> {
  await file.handle?.close();
  await rename(path, `${path}.1`);
  file.handle = await open(path, 'w', 0o600);
  file.size = 0;
}

/**
 * Writes what the streams say to `path`, at most two files of 1 MiB, slowing the writer down rather than buffering. A full or
 * vanished disk loses lines, never the process that wrote them.
 */
export function createBoundedLog(path: string, streams: readonly Readable[]): BoundedLog {
  let tail = Buffer.alloc(0);
  const file: LogFile = { handle: undefined, size: 0 };
  const append = async (chunk: Buffer): Promise<void> => {
    tail = Buffer.concat([tail, chunk]).subarray(-tailBytes);
    try {
      file.handle ??= await open(path, 'a', 0o600);
      if (file.size + chunk.length > fileBytes) await rotate(file, path);
      await file.handle.write(chunk);
      file.size += chunk.length;
    } catch {
      // Lost lines: see above.
    }
  };
  let writes = Promise.resolve();
  const drain = async (stream: Readable): Promise<void> => {
    try {
      for await (const chunk of stream) await (writes = writes.then(() => append(chunk as Buffer)));
    } catch {
      // A stream that was destroyed has said all it will.
    }
  };
  const ended = Promise.all(streams.map(drain)).then(() => file.handle?.close());
  return { tail: () => tail.toString().trim(), ended };
}

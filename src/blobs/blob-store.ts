import type { Readable } from 'node:stream';
import { BlobError } from './blob-error.ts';

export interface BlobInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Epoch milliseconds; some stores know whole seconds only. */
  readonly modifiedAtMs: number;
}

/** Bytes from `start` to `end`, both inclusive and counted from 0, as in an HTTP range. Default of `end`: the last byte, which also cuts it. */
export interface BlobRange {
  readonly start: number;
  readonly end?: number;
}

/** A part of a blob, or all of it. The body fails when it ends early. Whoever does not read it to its end destroys it. */
export interface Blob {
  /** Of the whole blob, whatever part the body is. */
  readonly info: BlobInfo;
  readonly body: Readable;
}

export type BlobBody = AsyncIterable<Uint8Array> | Uint8Array;

/**
 * Keeps bytes under keys (see `blob-key.ts`): the extensions of accounts, the recordings of sessions. A directory and S3 implement it;
 * test/contract/blobs.ts says what both do. Everything may throw a {@link BlobError}: `InvalidKey` for what cannot be a key, `Unavailable`
 * when the store is out of reach.
 */
export interface BlobStore extends AsyncDisposable {
  /**
   * Writes a blob, or replaces it. It is seen whole or not at all: not before its last byte, nor when the body fails, with whose error
   * the promise then rejects. Who reads the one before goes on reading it. Of two at once one wins, whole.
   */
  put(key: string, body: BlobBody): Promise<BlobInfo>;
  /** Undefined when there is none. `InvalidRange` when the range holds no byte of it. */
  get(key: string, range?: BlobRange): Promise<Blob | undefined>;
  /** Undefined when there is none. */
  head(key: string): Promise<BlobInfo | undefined>;
  /** That there is none is fine. Who is reading it may read to its end. */
  delete(key: string): Promise<void>;
  /** All whose keys begin so, in no order; those that come or go meanwhile may be missing or not. Empty: all. */
  list(prefix: string): AsyncIterable<BlobInfo>;
}

/** The range within a blob of that size, both ends inclusive. Throws `InvalidRange`. */
export function clipRange({ start, end = Number.MAX_SAFE_INTEGER }: BlobRange, size: number): Required<BlobRange> {
  if (!Number.isSafeInteger(start) || start < 0 || start >= size || end < start)
    throw new BlobError('InvalidRange', `bytes ${start}–${end} are not within a blob of ${size}`);
  return { start, end: Math.min(end, size - 1) };
}

import { Readable } from 'node:stream';
import { assertBlobKey, assertBlobPrefix } from '../../src/blobs/blob-key.ts';
import { clipRange, type BlobInfo, type BlobStore } from '../../src/blobs/blob-store.ts';
import type { Clock } from '../../src/lib/clock.ts';

/** Blobs in this process, by the clock given. */
export function createMemoryBlobs(clock: Pick<Clock, 'now'> = { now: Date.now }): BlobStore {
  const kept = new Map<string, { readonly info: BlobInfo; readonly bytes: Buffer }>();
  return {
    put: async (key, body) => {
      assertBlobKey(key);
      const chunks = body instanceof Uint8Array ? [body] : await Array.fromAsync(body);
      const bytes = Buffer.concat(chunks);
      const info = { key, size: bytes.length, modifiedAtMs: clock.now() };
      kept.set(key, { info, bytes });
      return info;
    },
    get: async (key, range) => {
      assertBlobKey(key);
      const found = await Promise.resolve(kept.get(key));
      if (!found) return undefined;
      const { start, end } = range ? clipRange(range, found.bytes.length) : { start: 0, end: found.bytes.length };
      const body = Readable.from([found.bytes.subarray(start, range ? end + 1 : end)], { objectMode: false });
      return { info: found.info, body };
    },
    head: async (key) => {
      assertBlobKey(key);
      return Promise.resolve(kept.get(key)?.info);
    },
    delete: async (key) => {
      assertBlobKey(key);
      await Promise.resolve(kept.delete(key));
    },
    async *list(prefix) {
      assertBlobPrefix(prefix);
      for (const { info } of kept.values()) if (info.key.startsWith(prefix)) yield await Promise.resolve(info);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

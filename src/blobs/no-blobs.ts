import { BlobError } from './blob-error.ts';
import type { BlobStore } from './blob-store.ts';

/** Where none is configured: everything fails with a BlobError `Unavailable` that says so. */
export function createNoBlobs(why: string): BlobStore {
  const refuse = (): Promise<never> => Promise.reject(new BlobError('Unavailable', why));
  return {
    put: refuse,
    get: refuse,
    head: refuse,
    delete: refuse,
    list: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

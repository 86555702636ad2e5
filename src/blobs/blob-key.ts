import { BlobError } from './blob-error.ts';

const segment = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;
const maxLength = 512;

/**
 * A key is segments of letters, digits, `.`, `_` and `-`, joined by `/`; none is empty, begins with a dot or is longer than 200,
 * and all together have at most 512 characters. No key is the folder of another (`a` and `a/b`). Both a file system and S3 hold such
 * names without quoting, and none of them leads out of a folder. Throws a {@link BlobError} `InvalidKey`.
 */
export function assertBlobKey(key: string): void {
  if (key.length > maxLength || !key.split('/').every((part) => segment.test(part)))
    throw new BlobError('InvalidKey', `${JSON.stringify(key.slice(0, maxLength))} cannot be the key of a blob`);
}

/** The same of the beginning of keys: empty, or a key that may end in a slash or within a segment. */
export function assertBlobPrefix(prefix: string): void {
  if (prefix !== '') assertBlobKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

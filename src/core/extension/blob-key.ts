/** Where the blob store has packed extensions, each under the SHA-256 of its bytes. */
export const extensionBlobs = 'extensions/';

/** `sha256` is lower-case hex. */
export const extensionBlobKey = (sha256: string): string => `${extensionBlobs}${sha256}`;

/** The hash in such a key; undefined: it is none. */
export function sha256OfBlobKey(key: string): string | undefined {
  const sha256 = key.slice(extensionBlobs.length);
  return key.startsWith(extensionBlobs) && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined;
}

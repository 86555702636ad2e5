import { createHash } from 'node:crypto';

/**
 * The id by which a browser knows an extension: the first 16 bytes of its public key's SHA-256, with the letters a to p for hexadecimal digits.
 * https://developer.chrome.com/docs/extensions/reference/manifest/key
 */
export function extensionIdOf(publicKey: Uint8Array): string {
  return toLetters(createHash('sha256').update(publicKey).digest().subarray(0, 16));
}

/** The same of the 16 bytes themselves. */
export function toLetters(id: Uint8Array): string {
  const hex = Buffer.from(id).toString('hex');
  return hex.replace(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)));
}

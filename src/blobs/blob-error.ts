/**
 * - `InvalidKey`: the key is none of the form that {@link assertBlobKey} allows.
 * - `InvalidRange`: the range begins at or after the end of the blob, or ends before its start.
 * - `Unavailable`: the store did not answer, or would not; trying again may help.
 */
export type BlobReason = 'InvalidKey' | 'InvalidRange' | 'Unavailable';

export class BlobError extends Error {
  override readonly name = 'BlobError';
  readonly reason: BlobReason;

  constructor(reason: BlobReason, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.reason = reason;
  }
}

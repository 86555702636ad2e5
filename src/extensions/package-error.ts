/**
 * - `TooLarge`: over a cap, packed or unpacked.
 * - everything else: the bytes are no extension that a browser could load; the message says what is wrong with them.
 */
export type PackageTrouble =
  | 'TooLarge'
  | 'NotAnArchive'
  | 'BadSignature'
  | 'UnsafePath'
  | 'SymbolicLink'
  | 'Bomb'
  | 'DuplicateName'
  | 'NoManifest'
  | 'BadManifest';

/** A packed extension that is refused. The message is for whoever made it. */
export class PackageError extends Error {
  override readonly name = 'PackageError';
  readonly trouble: PackageTrouble;

  constructor(trouble: PackageTrouble, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.trouble = trouble;
  }
}

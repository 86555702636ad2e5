import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { maxPackedExtensionBytes } from '../../api/agent/contract.ts';
import { PackageError } from '../../extensions/package-error.ts';
import { unpackPackage } from '../../extensions/unpack.ts';
import { Refusal } from '../server/refusal.ts';

/** Packed extensions that were brought for the session of this sandbox, unpacked in its work folder. */
export interface Shelf {
  /** Unpacks what the request's body holds, when its SHA-256 (lower-case hex) is that. Throws a {@link Refusal}; nothing is left then. */
  receive(sha256: string, body: AsyncIterable<Buffer>): Promise<void>;
  /** Where the extension of that hash is; undefined: it was not brought. */
  folderOf(sha256: string): string | undefined;
}

/** The whole body: an archive is read from its end. */
async function readBytes(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxPackedExtensionBytes) throw new Refusal('bad_request', 'The extension is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

export function createShelf(workDir: string): Shelf {
  const root = path.join(workDir, 'extensions');
  const unpacked = new Map<string, Promise<string>>();

  const unpack = async (sha256: string, bytes: Buffer): Promise<string> => {
    const folder = path.join(root, sha256);
    await mkdir(root, { recursive: true, mode: 0o700 });
    await unpackPackage(bytes, folder);
    return folder;
  };
  const onceUnpacked = (sha256: string, bytes: Buffer): Promise<string> => {
    const attempt = unpacked.get(sha256) ?? unpack(sha256, bytes);
    unpacked.set(sha256, attempt);
    // Whoever brings it again begins anew.
    attempt.catch(() => unpacked.delete(sha256));
    return attempt;
  };
  const folders = new Map<string, string>();

  return {
    receive: async (sha256, body) => {
      const bytes = await readBytes(body);
      if (createHash('sha256').update(bytes).digest('hex') !== sha256)
        throw new Refusal('bad_request', 'The extension is not the one whose hash was given.');
      try {
        folders.set(sha256, await onceUnpacked(sha256, bytes));
      } catch (error) {
        if (!(error instanceof PackageError)) throw error;
        throw new Refusal('capability_failed', error.message, { cause: error });
      }
    },
    folderOf: (sha256) => folders.get(sha256),
  };
}

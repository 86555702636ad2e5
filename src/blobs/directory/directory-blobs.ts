import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, rmdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { BlobError } from '../blob-error.ts';
import { assertBlobKey, assertBlobPrefix } from '../blob-key.ts';
import { clipRange, type Blob, type BlobBody, type BlobInfo, type BlobRange, type BlobStore } from '../blob-store.ts';

/** Where blobs are written until they are whole. No key begins with a dot, so no key names it. */
const unfinished = '.unfinished';

/** Nobody writes one blob for so long; what is older was left behind by a process that died. */
const abandonedAfterMs = 24 * 3600 * 1000;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes(codeOf(error) ?? '');

/** What the file system says, in the words of the port. Its own words name paths: they are the cause, for the log. */
function toBlobError(error: unknown): Error {
  if (error instanceof BlobError) return error;
  const code = codeOf(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  return new BlobError('Unavailable', `the folder of blobs cannot be used: ${code}`, { cause: error });
}

async function missingIsUndefined<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toBlobError(error);
  }
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
}

async function makeFolders(root: string, folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  // A new folder is as lasting as the entry in its parent.
  for (let at = folder; at !== root && at.startsWith(`${root}${path.sep}`); at = path.dirname(at))
    await syncFolder(path.dirname(at));
}

async function writeAll(file: FileHandle, body: BlobBody): Promise<void> {
  const chunks = body instanceof Uint8Array ? [body] : body;
  for await (const chunk of chunks) await file.writeFile(chunk);
}

const infoOf = (key: string, { size, mtimeMs }: { size: number; mtimeMs: number }): BlobInfo => ({
  key,
  size,
  modifiedAtMs: Math.floor(mtimeMs),
});

class DirectoryBlobs implements BlobStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  #fileOf(key: string): string {
    assertBlobKey(key);
    return path.join(this.#root, key);
  }

  async put(key: string, body: BlobBody): Promise<BlobInfo> {
    const target = this.#fileOf(key);
    const temporary = path.join(this.#root, unfinished, randomUUID());
    try {
      await makeFolders(this.#root, path.dirname(temporary));
      const written = await this.#write(temporary, body);
      await this.#moveInto(temporary, target);
      return infoOf(key, written);
    } catch (error) {
      await rm(temporary, { force: true });
      throw toBlobError(error);
    }
  }

  async #write(temporary: string, body: BlobBody): Promise<{ size: number; mtimeMs: number }> {
    await using file = await open(temporary, 'wx', 0o600);
    await writeAll(file, body);
    await file.sync();
    return await file.stat();
  }

  /** Another may remove the folder, which was empty, between our making it and our moving into it: then it is made again. */
  async #moveInto(temporary: string, target: string): Promise<void> {
    const folder = path.dirname(target);
    for (let attempt = 1; ; attempt += 1) {
      await makeFolders(this.#root, folder);
      try {
        await rename(temporary, target);
        await syncFolder(folder);
        return;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === 10) throw error;
      }
    }
  }

  async get(key: string, range?: BlobRange): Promise<Blob | undefined> {
    const target = this.#fileOf(key);
    const file = await missingIsUndefined(open(target, constants.O_RDONLY | constants.O_NOFOLLOW));
    if (file === undefined) return undefined;
    try {
      const stats = await file.stat();
      if (!stats.isFile()) {
        await file.close();
        return undefined;
      }
      const info = infoOf(key, stats);
      const part = range === undefined ? {} : clipRange(range, stats.size);
      return { info, body: file.createReadStream(part) };
    } catch (error) {
      await file.close();
      throw toBlobError(error);
    }
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    const stats = await missingIsUndefined(lstat(this.#fileOf(key)));
    return stats?.isFile() === true ? infoOf(key, stats) : undefined;
  }

  async delete(key: string): Promise<void> {
    const target = this.#fileOf(key);
    try {
      await rm(target, { force: true });
      await this.#removeEmpty(path.dirname(target));
    } catch (error) {
      if (!isMissing(error) && codeOf(error) !== 'ERR_FS_EISDIR') throw toBlobError(error);
    }
  }

  /** Folders are no blobs: those that hold none any more would only pile up. */
  async #removeEmpty(folder: string): Promise<void> {
    for (let at = folder; at !== this.#root; at = path.dirname(at)) {
      try {
        await rmdir(at);
      } catch {
        return; // Somebody's blob is in it, or somebody else has removed it.
      }
    }
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    assertBlobPrefix(prefix);
    // The last slash ends the folders that the prefix names whole.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    for await (const key of this.#keysBelow(folder)) {
      if (!key.startsWith(prefix)) continue;
      const info = await this.head(key);
      if (info !== undefined) yield info;
    }
  }

  async *#keysBelow(folder: string): AsyncIterable<string> {
    const reading = readdir(path.join(this.#root, folder), { withFileTypes: true });
    for (const entry of (await missingIsUndefined(reading)) ?? []) {
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) yield* this.#keysBelow(`${folder}${entry.name}/`);
      else if (entry.isFile()) yield `${folder}${entry.name}`;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

async function removeAbandoned(root: string, nowMs: number): Promise<void> {
  const folder = path.join(root, unfinished);
  for (const name of (await missingIsUndefined(readdir(folder))) ?? []) {
    const file = path.join(folder, name);
    const stats = await missingIsUndefined(lstat(file));
    if (stats !== undefined && nowMs - stats.mtimeMs > abandonedAfterMs) await rm(file, { force: true });
  }
}

/**
 * Blobs as files of a folder, which is made when missing, for its owner only. Several processes may share one, over a file system whose
 * rename is atomic. Throws a BlobError `Unavailable` when the folder cannot be made or read.
 */
export async function createDirectoryBlobs(folder: string): Promise<BlobStore> {
  const root = path.resolve(folder);
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await removeAbandoned(root, Date.now());
  } catch (error) {
    throw toBlobError(error);
  }
  return new DirectoryBlobs(root);
}

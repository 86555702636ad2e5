import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { openArchive, type Archive } from './archive.ts';
import { openContainer } from './container.ts';
import { isFolder, type Member } from './entry-names.ts';
import { findManifest, keyOf, readText, sha256Of } from './inspect.ts';
import { parseManifest } from './manifest.ts';

/** Chromium's own, which a packed extension from its store brings along and an unpacked one must not have. */
const ofTheStore = '_metadata/';

/** Nobody changes a file that was unpacked. Its folders stay writable: Chromium keeps the rules that it compiles in one. */
const modes = { folder: 0o700, file: 0o400 } as const;

/** Without awaiting the disk: a file is a small thing, and a turn of the thread pool for each step takes longer than the step. */
async function writeNew(file: string, body: AsyncIterable<Buffer> | readonly Buffer[]): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true, mode: modes.folder });
  // wx: whatever is there already, a link included, is a failure.
  const descriptor = openSync(file, 'wx', modes.file);
  try {
    for await (const piece of body) writeFileSync(descriptor, piece);
  } finally {
    closeSync(descriptor);
  }
}

async function unpackMember(archive: Archive, member: Member, folder: string): Promise<void> {
  const target = path.join(folder, member.name);
  if (isFolder(member)) mkdirSync(target, { recursive: true, mode: modes.folder });
  else await writeNew(target, archive.read(member));
}

/**
 * Unpacks a packed extension into `folder`, which must not exist, such that a browser that loads it from there gives it the same id wherever
 * the folder is. All that inspectPackage refuses of an archive is refused here too. Throws a PackageError, or what the file system says, and
 * leaves nothing.
 */
export async function unpackPackage(bytes: Buffer, folder: string): Promise<void> {
  const container = openContainer(bytes);
  using archive = await openArchive(container.zip);
  const manifestMember = findManifest(archive);
  const manifest = parseManifest(await readText(archive, manifestMember));
  const key = keyOf(container, manifest, sha256Of(bytes)).toString('base64');
  mkdirSync(folder, { mode: modes.folder });
  try {
    for (const member of archive.members) {
      if (member === manifestMember || member.name.startsWith(ofTheStore)) continue;
      await unpackMember(archive, member, folder);
    }
    const text = JSON.stringify({ ...manifest.source, key }, undefined, 2);
    await writeNew(path.join(folder, manifestMember.name), [Buffer.from(text)]);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

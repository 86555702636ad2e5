import { createHash } from 'node:crypto';
import { openArchive, type Archive } from './archive.ts';
import { openContainer, type Container } from './container.ts';
import { isFolder, limits, type Limits, type Member } from './entry-names.ts';
import { extensionIdOf } from './extension-id.ts';
import { hasPlaceholder, localize, messagesFile, parseLenientJson, parseManifest, type Manifest } from './manifest.ts';
import { PackageError } from './package-error.ts';

/** What a packed extension turned out to be. */
export interface Inspection {
  /** Of the file as it was uploaded, lower-case hex. */
  readonly sha256: string;
  /** Bytes of that file. */
  readonly size: number;
  readonly format: Container['format'];
  /** In its default locale. */
  readonly name: string;
  readonly version: string;
  readonly manifestVersion: 2 | 3;
  readonly permissions: readonly string[];
  readonly hostPermissions: readonly string[];
  readonly optionalPermissions: readonly string[];
  /** By which the browser knows it, in every session: `chrome-extension://<it>/`. */
  readonly chromiumId: string;
}

const manifestName = 'manifest.json';
/** Manifests and messages are read as a whole. */
const longestText = 4 * 2 ** 20;
/** As the BrowserExtension has it. */
const longestName = 256;

export async function readText(archive: Archive, member: Member): Promise<string> {
  if (member.unpacked > longestText) throw new PackageError('BadManifest', `${member.name} is too long.`);
  const chunks: Buffer[] = [];
  for await (const chunk of archive.read(member)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

const find = ({ members }: Archive, name: string): Member | undefined => members.find((member) => member.name === name);

export function findManifest(archive: Archive): Member {
  const found = find(archive, manifestName);
  if (found) return found;
  const deeper = archive.members.find(({ name }) => name.endsWith(`/${manifestName}`));
  const hint = deeper ? ` There is ${JSON.stringify(deeper.name)}: pack what is in that folder, not the folder.` : '';
  throw new PackageError('NoManifest', `The archive has no ${manifestName} at its top.${hint}`);
}

/**
 * The key that its id follows from: the one that it was signed with, the one in its manifest, or else one that is made from its bytes. So the
 * same file has the same id in every sandbox, wherever it is unpacked.
 */
export function keyOf({ publicKey }: Container, { key }: Manifest, sha256: string): Buffer {
  if (publicKey) return publicKey;
  return key === undefined ? Buffer.from(sha256, 'hex') : Buffer.from(key, 'base64');
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A browser reads all of the messages of a localized extension, or refuses it. */
async function nameOf(archive: Archive, { name, defaultLocale }: Manifest): Promise<string> {
  const bad = (message: string): PackageError => new PackageError('BadManifest', `manifest.json: ${message}`);
  const hasLocales = archive.members.some((member) => member.name.startsWith('_locales/'));
  if (defaultLocale === undefined) {
    if (hasLocales) throw bad('default_locale is missing, and there is a folder _locales.');
    if (hasPlaceholder(name)) throw bad('name is a message, and there is no default_locale.');
    return name;
  }
  const messages = find(archive, messagesFile(defaultLocale));
  if (!messages) throw bad(`default_locale is ${defaultLocale}, and there is no ${messagesFile(defaultLocale)}.`);
  return localize(name, parseLenientJson(await readText(archive, messages), messages.name));
}

function checkFiles({ members }: Archive, { files }: Manifest): void {
  const there = new Set(members.filter((member) => !isFolder(member)).map(({ name }) => name));
  const missing = files.find((file) => !there.has(file));
  if (missing !== undefined)
    throw new PackageError(
      'BadManifest',
      `manifest.json names ${JSON.stringify(missing)}, which is not in the archive.`,
    );
}

/** Everything is unpacked once, into nothing: sizes and checksums are only what they claim to be until then. */
async function readThrough(archive: Archive): Promise<void> {
  for (const member of archive.members) if (!isFolder(member)) for await (const _ of archive.read(member));
}

/** Reads a packed extension, a zip archive or a CRX, without writing anything. Throws a {@link PackageError}. */
export async function inspectPackage(bytes: Buffer, most: Limits = limits): Promise<Inspection> {
  if (bytes.length > most.packed)
    throw new PackageError('TooLarge', `It has ${bytes.length} bytes; ${most.packed} are the most.`);
  const container = openContainer(bytes);
  using archive = await openArchive(container.zip, most);
  const manifest = parseManifest(await readText(archive, findManifest(archive)));
  const name = await nameOf(archive, manifest);
  if (name.length > longestName)
    throw new PackageError('BadManifest', `manifest.json: name has more than ${longestName} characters.`);
  checkFiles(archive, manifest);
  await readThrough(archive);
  const sha256 = sha256Of(bytes);
  const { version, manifestVersion, permissions, hostPermissions, optionalPermissions } = manifest;
  return {
    ...{ sha256, size: bytes.length, format: container.format, name, version, manifestVersion },
    ...{ permissions, hostPermissions, optionalPermissions },
    chromiumId: extensionIdOf(keyOf(container, manifest, sha256)),
  };
}

import { PackageError } from './package-error.ts';

/** What a member of an archive says of itself, before anything of it is unpacked. */
export interface Member {
  /** As it stands in the archive; a folder's ends in a slash. */
  readonly name: string;
  /** Upper half of the external attributes: what Unix calls the mode; 0 when it was packed elsewhere. */
  readonly mode: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Bytes once unpacked, as it claims. */
  readonly unpacked: number;
  readonly isEncrypted: boolean;
  /** 0: stored, 8: deflated. */
  readonly method: number;
}

export interface Limits {
  /** Bytes of the file that is uploaded. */
  readonly packed: number;
  /** Bytes of all that is in it. */
  readonly unpacked: number;
  readonly members: number;
  /** How many times larger than the archive its content may be; deflate can reach 1032. Not asked of small ones. */
  readonly ratio: number;
}

export const limits: Limits = { packed: 50 * 2 ** 20, unpacked: 200 * 2 ** 20, members: 10_000, ratio: 100 };

/** Below this, no ratio is dangerous: a file of spaces is no attack. */
const harmless = 10 * 2 ** 20;
const longestName = 1024;

const fileTypes = { mask: 0o170_000, folder: 0o040_000, file: 0o100_000, link: 0o120_000 } as const;

const quoted = (name: string): string => JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);

/** Whether a member is a folder. */
export const isFolder = ({ name }: Pick<Member, 'name'>): boolean => name.endsWith('/');

/** Refuses names that lead, or might lead on some system, out of the folder that they are unpacked into. */
export function checkName(name: string): void {
  const parts = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  const isUnsafe =
    name.startsWith('/') ||
    /^[A-Za-z]:/.test(name) ||
    // eslint-disable-next-line no-control-regex -- what is looked for
    /[\\\u0000-\u001f\u007f]/.test(name) ||
    Buffer.byteLength(name) > longestName ||
    parts.some((part) => part === '' || part === '.' || part === '..' || Buffer.byteLength(part) > 255);
  if (isUnsafe) throw new PackageError('UnsafePath', `The archive has a file that is named ${quoted(name)}.`);
}

function checkKind({ name, mode, method, isEncrypted }: Member): void {
  const type = mode & fileTypes.mask;
  if (type === fileTypes.link) throw new PackageError('SymbolicLink', `${quoted(name)} is a symbolic link.`);
  if (type !== 0 && type !== fileTypes.file && type !== fileTypes.folder)
    throw new PackageError('UnsafePath', `${quoted(name)} is neither a file nor a folder.`);
  if (isEncrypted) throw new PackageError('NotAnArchive', `${quoted(name)} is encrypted.`);
  if (method !== 0 && method !== 8)
    throw new PackageError('NotAnArchive', `${quoted(name)} is compressed by method ${method}; only deflate is known.`);
}

/** A file and another one, or a folder, of the same name: which one is meant depends on who unpacks. */
function checkUnique(members: readonly Member[]): void {
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const member of members) {
    const name = isFolder(member) ? member.name.slice(0, -1) : member.name;
    const parts = name.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) folders.add(parts.slice(0, depth).join('/'));
    if (isFolder(member)) folders.add(name);
    else if (files.has(name)) throw new PackageError('DuplicateName', `The archive has ${quoted(name)} twice.`);
    else files.add(name);
  }
  const both = [...files].find((name) => folders.has(name));
  if (both !== undefined)
    throw new PackageError('DuplicateName', `The archive has ${quoted(both)} as a file and as a folder.`);
}

/** The first thing wrong with what an archive says of its members is thrown, as a {@link PackageError}. */
export function checkMembers(
  members: readonly Member[],
  archiveSize: number,
  { ratio, ...most }: Limits = limits,
): void {
  if (members.length > most.members)
    throw new PackageError('Bomb', `The archive has ${members.length} files; ${most.members} are the most.`);
  const unpacked = members.reduce((sum, member) => sum + member.unpacked, 0);
  if (unpacked > harmless && unpacked > archiveSize * ratio)
    throw new PackageError('Bomb', `The archive would unpack to more than ${ratio} times its size.`);
  if (unpacked > most.unpacked)
    throw new PackageError('TooLarge', `Unpacked it has ${unpacked} bytes; ${most.unpacked} are the most.`);
  for (const member of members) {
    checkName(member.name);
    checkKind(member);
  }
  checkUnique(members);
}

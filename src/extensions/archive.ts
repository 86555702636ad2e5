import { crc32, inflateRawSync } from 'node:zlib';
import { getFileNameLowLevel, fromBuffer, type Entry, type ZipFile } from 'yauzl';
import { checkMembers, limits, type Limits, type Member } from './entry-names.ts';
import { PackageError } from './package-error.ts';

/** A zip archive whose members have been looked at. */
export interface Archive extends Disposable {
  readonly members: readonly Member[];
  /** Unpacks one member, a piece at a time; throws a {@link PackageError} when it is not what the archive said of it. */
  read(member: Member): AsyncIterable<Buffer>;
}

const notAnArchive = (cause: unknown): PackageError =>
  new PackageError(
    'NotAnArchive',
    `The archive cannot be read: ${cause instanceof Error ? cause.message : 'broken'}.`,
    {
      cause,
    },
  );

function toMember(entry: Entry): Member {
  return {
    name: getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true),
    mode: entry.externalFileAttributes >>> 16,
    packed: entry.compressedSize,
    unpacked: entry.uncompressedSize,
    isEncrypted: (entry.generalPurposeBitFlag & 1) !== 0,
    method: entry.compressionMethod,
  };
}

/** Names are not decoded by yauzl, which refuses bad ones in words of its own: checkMembers does. */
function openZip(zip: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    const options = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: true };
    try {
      fromBuffer(zip, options, (error, file) => {
        if (error) reject(notAnArchive(error));
        else resolve(file);
      });
    } catch (error) {
      reject(notAnArchive(error));
    }
  });
}

function readEntries(file: ZipFile, most: number): Promise<readonly Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = [];
    file.on('entry', (entry: Entry) => {
      entries.push(entry);
      if (entries.length > most) reject(new PackageError('Bomb', `The archive has more than ${most} files.`));
      else file.readEntry();
    });
    file.on('end', () => resolve(entries));
    file.on('error', (error) => reject(notAnArchive(error)));
    file.readEntry();
  });
}

/** Bytes up to which a member is unpacked in one go: the streams of zlib take ten times as long to set up as a small file does to unpack. */
const smallBytes = 256 * 1024;

/** In yauzl's words about a larger one: what comes out of it is more, or less, than it said. */
const wrongSize = (cause?: unknown): Error => new Error('wrong count of bytes in the stream', { cause });

async function readWhole(zip: Buffer, file: ZipFile, entry: Entry): Promise<Buffer> {
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  const { fileDataStart } = await file.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = zip.subarray(fileDataStart, fileDataStart + compressedSize);
  const unpacked = compressionMethod === 0 ? packed : inflateUpTo(packed, uncompressedSize);
  if (unpacked.length !== uncompressedSize) throw wrongSize();
  return unpacked;
}

function inflateUpTo(packed: Buffer, most: number): Buffer {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, most) });
  } catch (cause) {
    throw cause instanceof RangeError ? wrongSize(cause) : cause;
  }
}

async function* readPieces(zip: Buffer, file: ZipFile, entry: Entry): AsyncIterable<Buffer> {
  if (entry.uncompressedSize <= smallBytes) yield await readWhole(zip, file, entry);
  else yield* (await file.openReadStreamPromise(entry)) as AsyncIterable<Buffer>;
}

async function* readEntry(zip: Buffer, file: ZipFile, entry: Entry): AsyncIterable<Buffer> {
  const name = JSON.stringify(entry.fileNameRaw.toString());
  let checksum = 0;
  try {
    for await (const piece of readPieces(zip, file, entry)) {
      checksum = crc32(piece, checksum);
      yield piece;
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (/bytes in the stream/.test(message))
      throw new PackageError('Bomb', `${name} is not of the size that the archive says it is.`, { cause });
    throw notAnArchive(cause);
  }
  if (checksum !== entry.crc32) throw notAnArchive(new Error(`the checksum of ${name} is wrong`));
}

/** Looks at all that an archive says it holds; nothing is unpacked yet. Throws a {@link PackageError}. */
export async function openArchive(zip: Buffer, most: Limits = limits): Promise<Archive> {
  const file = await openZip(zip);
  const entries = new Map((await readEntries(file, most.members)).map((entry) => [toMember(entry), entry]));
  const members = [...entries.keys()];
  checkMembers(members, zip.length, most);
  return {
    members,
    read: (member) => {
      const entry = entries.get(member);
      if (!entry) throw new Error(`${member.name} is of another archive`);
      return readEntry(zip, file, entry);
    },
    [Symbol.dispose]: () => file.close(),
  };
}

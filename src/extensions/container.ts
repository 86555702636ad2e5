import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { PackageError } from './package-error.ts';
import { readFields, type Field } from './protobuf.ts';

/** What an archive came in. */
export interface Container {
  readonly format: 'zip' | 'crx2' | 'crx3';
  /** The archive itself: a part of the bytes given, not a copy. */
  readonly zip: Buffer;
  /** Of a CRX: the key that it was signed with, DER SubjectPublicKeyInfo. Its id follows from it. */
  readonly publicKey?: Buffer;
}

const crxMagic = 'Cr24';
/** Local file header, or the end record of an archive that holds nothing: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */
const zipMagics = ['PK\u0003\u0004', 'PK\u0005\u0006'];
/** What is signed begins so: https://chromium.googlesource.com/chromium/src/+/main/components/crx_file/crx3.proto */
const crx3Context = Buffer.from('CRX3 SignedData\0');
/** Of CrxFileHeader, SignedData and AsymmetricKeyProof. */
const fields = { rsaProof: 2, ecdsaProof: 3, signedHeaderData: 10_000, crxId: 1, publicKey: 1, signature: 2 } as const;

const bad = (why: string, options?: ErrorOptions): PackageError =>
  new PackageError('BadSignature', `The CRX is not genuine: ${why}.`, options);

/** Takes a CRX out of its wrapping, whose signatures must be right; a bare archive is what it is. Throws a {@link PackageError}. */
export function openContainer(bytes: Buffer): Container {
  const magic = bytes.toString('latin1', 0, 4);
  if (zipMagics.includes(magic)) return { format: 'zip', zip: bytes };
  if (magic !== crxMagic || bytes.length < 12)
    throw new PackageError('NotAnArchive', 'The file is neither a zip archive nor a CRX.');
  const version = bytes.readUInt32LE(4);
  if (version === 3) return openCrx3(bytes);
  if (version === 2) return openCrx2(bytes);
  throw new PackageError('NotAnArchive', `The CRX is of version ${version}; 2 and 3 are known.`);
}

/** https://web.archive.org/web/20180114090616/https://developer.chrome.com/extensions/crx */
function openCrx2(bytes: Buffer): Container {
  if (bytes.length < 16) throw bad('its header is cut off');
  const keyEnd = 16 + bytes.readUInt32LE(8);
  const zipStart = keyEnd + bytes.readUInt32LE(12);
  if (zipStart > bytes.length) throw bad('its header is cut off');
  const publicKey = bytes.subarray(16, keyEnd);
  const zip = bytes.subarray(zipStart);
  checkSignature({ kind: 'rsa', hash: 'sha1', publicKey, signature: bytes.subarray(keyEnd, zipStart) }, [zip]);
  return { format: 'crx2', zip, publicKey };
}

interface Proof {
  readonly kind: 'rsa' | 'ec';
  readonly hash: 'sha1' | 'sha256';
  readonly publicKey: Buffer;
  readonly signature: Buffer;
}

function openCrx3(bytes: Buffer): Container {
  const headerEnd = 12 + bytes.readUInt32LE(8);
  if (headerEnd > bytes.length) throw bad('its header is cut off');
  const { proofs, signedHeader, id } = readCrx3Header(bytes.subarray(12, headerEnd));
  const zip = bytes.subarray(headerEnd);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(signedHeader.length);
  const signed = [crx3Context, length, signedHeader, zip];
  for (const proof of proofs) checkSignature(proof, signed);
  const own = proofs.find(({ publicKey }) => sha256(publicKey).subarray(0, 16).equals(id));
  if (!own) throw bad('none of its signatures is by the key of its id');
  return { format: 'crx3', zip, publicKey: own.publicKey };
}

function readCrx3Header(header: Buffer): { proofs: Proof[]; signedHeader: Buffer; id: Buffer } {
  try {
    const all = readFields(header);
    const signedHeader = only(all, fields.signedHeaderData);
    const id = only(readFields(signedHeader), fields.crxId);
    const proofsOf = (number: number, kind: Proof['kind']): Proof[] =>
      all.filter((field) => field.number === number).map(({ bytes }) => toProof(kind, readFields(bytes)));
    return { proofs: [...proofsOf(fields.rsaProof, 'rsa'), ...proofsOf(fields.ecdsaProof, 'ec')], signedHeader, id };
  } catch (cause) {
    throw bad('its header cannot be read', { cause });
  }
}

function toProof(kind: Proof['kind'], proof: readonly Field[]): Proof {
  const [publicKey, signature] = [only(proof, fields.publicKey), only(proof, fields.signature)];
  return { kind, hash: 'sha256', publicKey, signature };
}

function only(all: readonly Field[], number: number): Buffer {
  const [field, second] = all.filter((f) => f.number === number);
  if (!field || second) throw new RangeError(`field ${number} is not there once`);
  return Buffer.from(field.bytes.buffer, field.bytes.byteOffset, field.bytes.byteLength);
}

function readKey(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch (cause) {
    throw bad('its public key cannot be read', { cause });
  }
}

function checkSignature({ kind, hash, publicKey, signature }: Proof, signed: readonly Buffer[]): void {
  const key = readKey(publicKey);
  if (key.asymmetricKeyType !== kind) throw bad('its public key is of another kind than its signature');
  if (!verify(hash, Buffer.concat(signed), key, signature)) throw bad('its signature does not fit its content');
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

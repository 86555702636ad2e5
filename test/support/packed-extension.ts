import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';

/** A file of a zip archive that is made by hand, so that it can be wrong in any way. */
export interface ZipFile {
  readonly name: string;
  readonly content?: string | Buffer;
  /** What Unix calls the mode. */
  readonly mode?: number;
  /** What the archive claims, when that is not so. */
  readonly claims?: { readonly unpacked?: number; readonly crc?: number };
  readonly flags?: number;
  readonly method?: number;
}

function header(file: ZipFile, offset: number): { local: Buffer; central: Buffer } {
  const content = Buffer.from(file.content ?? '');
  const method = file.method ?? 8;
  const packed = method === 8 ? deflateRawSync(content) : content;
  const name = Buffer.from(file.name);
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(file.flags ?? 0x800, 2);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt32LE(0x5a21_0000, 6);
  fields.writeUInt32LE(file.claims?.crc ?? crc32(content), 10);
  fields.writeUInt32LE(packed.length, 14);
  fields.writeUInt32LE(file.claims?.unpacked ?? content.length, 18);
  fields.writeUInt16LE(name.length, 22);
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE(((file.mode ?? 0o100_644) << 16) >>> 0, 6);
  tail.writeUInt32LE(offset, 10);
  return {
    local: Buffer.concat([Buffer.from('PK\x03\x04'), fields, name, packed]),
    central: Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), fields, tail, name]),
  };
}

/** https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16 */
export function buildZip(files: readonly ZipFile[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const { local, central } = header(file, offset);
    locals.push(local);
    centrals.push(central);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

export const manifestOf = (more: object = {}): ZipFile => ({
  name: 'manifest.json',
  content: JSON.stringify({ manifest_version: 3, name: 'Example', version: '1.0', ...more }),
});

/** Files by their names, packed. */
export function packFiles(files: Readonly<Record<string, string>>): Buffer {
  return buildZip(Object.entries(files).map(([name, content]) => ({ name, content })));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Buffer.from([...bytes, value]);
}

export const field = (number: number, bytes: Buffer): Buffer =>
  Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);

export interface CrxKey {
  readonly kind: 'rsa' | 'ec';
  readonly privateKey: KeyObject;
  /** DER. */
  readonly publicKey: Buffer;
}

export function makeCrxKey(kind: CrxKey['kind']): CrxKey {
  const { privateKey, publicKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kind, privateKey, publicKey: publicKey.export({ format: 'der', type: 'spki' }) };
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

const crxIdOf = ({ publicKey }: CrxKey): Buffer => createHash('sha256').update(publicKey).digest().subarray(0, 16);

export interface Crx3Options {
  /** Signs; the first one's id is the extension's. */
  readonly keys: readonly CrxKey[];
  /** The id that the header claims. */
  readonly id?: Buffer;
}

/** https://chromium.googlesource.com/chromium/src/+/main/components/crx_file/crx3.proto */
export function buildCrx3(zip: Buffer, { keys, id }: Crx3Options): Buffer {
  const [first] = keys;
  const signedHeader = field(1, id ?? (first ? crxIdOf(first) : Buffer.alloc(16)));
  const signed = Buffer.concat([Buffer.from('CRX3 SignedData\0'), number(signedHeader.length), signedHeader, zip]);
  const proofs = keys.map(({ kind, privateKey, publicKey }) => {
    const signature = createSign('sha256').update(signed).sign(privateKey);
    return field(kind === 'rsa' ? 2 : 3, Buffer.concat([field(1, publicKey), field(2, signature)]));
  });
  const head = Buffer.concat([...proofs, field(10_000, signedHeader)]);
  return Buffer.concat([Buffer.from('Cr24'), number(3), number(head.length), head, zip]);
}

export function buildCrx2(zip: Buffer, { privateKey, publicKey }: CrxKey): Buffer {
  const signature = createSign('sha1').update(zip).sign(privateKey);
  const sizes = [2, publicKey.length, signature.length].map(number);
  return Buffer.concat([Buffer.from('Cr24'), ...sizes, publicKey, signature, zip]);
}

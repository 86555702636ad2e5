import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createShelf } from './shelf.ts';

/** A packed extension, about the least there is: a manifest of three members, and `a/b.js`. */
const packed = Buffer.from(
  'UEsDBBQAAAgIAAAAIVpPRxmFKgAAAC8AAAANAAAAbWFuaWZlc3QuanNvbqtWyk3My0xLLS6JL0stKs7Mz1OyMtZRykvMTVWyUqpQ0lGCCysZKtUCAFBLAwQUAAAICAAAACFa' +
    't+/cgwMAAAABAAAABgAAAGEvYi5qczMEAFBLAQIUAxQAAAgIAAAAIVpPRxmFKgAAAC8AAAANAAAAAAAAAAAAAACkgQAAAABtYW5pZmVzdC5qc29uUEsBAhQDFAAACAgAAAAh' +
    'Wrfv3IMDAAAAAQAAAAYAAAAAAAAAAAAAAKSBVQAAAGEvYi5qc1BLBQYAAAAAAgACAG8AAAB8AAAAAAA=',
  'base64',
);

/**
 * Unpacks an extension below the work folder and throws it away. The first that a process unpacks takes ten times as long as the second
 * (code that is compiled, zlib that is set up), and somebody waits for it. Rejects with what the file system says.
 */
export async function rehearseUnpacking(workDir: string): Promise<void> {
  const folder = path.join(workDir, 'rehearsal');
  const pieces = async function* (): AsyncIterable<Buffer> {
    yield await Promise.resolve(packed);
  };
  try {
    await createShelf(folder).receive(createHash('sha256').update(packed).digest('hex'), pieces());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

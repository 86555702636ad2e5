import { describe, expect, it } from 'vitest';
import { beginScan, scanChunk } from './fragments.ts';

function box(type: string, length: number): Buffer {
  const bytes = Buffer.alloc(length, 0x6d); // looks like the beginning of a moof, and is none
  bytes.writeUInt32BE(length, 0);
  bytes.write(type, 4, 'latin1');
  return bytes;
}

/** With its size in 8 bytes. */
function largeBox(type: string, length: number): Buffer {
  const bytes = box(type, length);
  bytes.writeUInt32BE(1, 0);
  bytes.writeBigUInt64BE(BigInt(length), 8);
  return bytes;
}

const head = [box('ftyp', 24), box('moov', 100)];
const fragment = [box('moof', 60), box('mdat', 300)];

describe('a fragmented MP4', () => {
  const file = Buffer.concat([...head, ...fragment, ...fragment, box('mfra', 40)]);
  const ends = [0, 24, 124, 484, 844, 884];
  const wholeAt = (at: number): number => Math.max(...ends.filter((end) => end <= at));

  it('is whole up to the last box that is complete and no moof, wherever it is cut', () => {
    for (let at = 0; at <= file.length; at += 1) {
      const scan = scanChunk(beginScan(0), file.subarray(0, at));
      expect([at, scan.at, scan.wholeTo]).toEqual([at, at, wholeAt(at)]);
    }
  });

  it('is that in whatever chunks it comes, and from any clean byte on', () => {
    for (const length of [1, 3, 7, 8, 61, 500]) {
      let scan = beginScan(124);
      for (let at = 124; at < file.length; at += length) scan = scanChunk(scan, file.subarray(at, at + length));
      expect([length, scan.at, scan.wholeTo]).toEqual([length, file.length, file.length]);
    }
  });

  it('may have boxes of any size', () => {
    const bytes = Buffer.concat([largeBox('mdat', 70_000), box('free', 8)]);
    expect(scanChunk(beginScan(0), bytes)).toMatchObject({ at: 70_008, wholeTo: 70_008 });
    expect(scanChunk(beginScan(0), bytes.subarray(0, 12))).toMatchObject({ at: 12, wholeTo: 0 });
  });

  it.each([
    ['a size of nothing', 0],
    ['a size below its head', 7],
  ])('with %s is never whole behind it', (_what, size) => {
    const bad = Buffer.alloc(64);
    bad.writeUInt32BE(size, 0);
    expect(scanChunk(beginScan(0), Buffer.concat([box('ftyp', 24), bad]))).toMatchObject({ at: 88, wholeTo: 24 });
  });
});

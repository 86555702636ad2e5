/**
 * How far into a fragmented MP4 somebody has read, box by box. A fragment is a `moof` box and the `mdat` box behind it: an end is clean
 * behind any box but a `moof`. ISO/IEC 14496-12, section 4.2: https://www.iso.org/standard/83102.html
 */
export interface FragmentScan {
  /** Bytes read so far. */
  readonly at: number;
  /** Up to here it is whole fragments, and plays. */
  readonly wholeTo: number;
  /** Begun and not complete. */
  readonly head: Uint8Array;
  /** The box that is being read. */
  readonly box?: { readonly isMoof: boolean; readonly end: number };
}

const shortHead = 8;
const longHead = 16;

/** `at`: where reading begins, which must be between two boxes. */
export function beginScan(at: number): FragmentScan {
  return { at, wholeTo: at, head: new Uint8Array() };
}

export function scanChunk(scan: FragmentScan, chunk: Uint8Array): FragmentScan {
  let current = scan;
  for (let offset = 0; offset < chunk.length;) {
    const next = step(current, chunk.subarray(offset));
    offset += next.at - current.at;
    current = next;
  }
  return current;
}

/** Reads on to the end of a head, of a box, or of the chunk, whichever is first. */
function step(scan: FragmentScan, rest: Uint8Array): FragmentScan {
  const { at, wholeTo, head, box } = scan;
  if (box) {
    return within(box, { at: Math.min(box.end, at + rest.length), wholeTo, head });
  }
  const wanted = neededHead(head) - head.length;
  const grown = Buffer.concat([head, rest.subarray(0, wanted)]);
  const next = at + (grown.length - head.length);
  if (grown.length < neededHead(grown)) return { at: next, wholeTo, head: grown };
  return within(boxOf(grown, next), { at: next, wholeTo, head: grown });
}

/** One that is read to its end is done with; some are nothing but a head. */
function within(box: NonNullable<FragmentScan['box']>, scan: FragmentScan): FragmentScan {
  if (scan.at < box.end) return { ...scan, box };
  return { at: scan.at, wholeTo: box.isMoof ? scan.wholeTo : scan.at, head: new Uint8Array() };
}

/** A size of 1 says that the real one, of 8 bytes, follows. */
function neededHead(head: Uint8Array): number {
  if (head.length < shortHead) return shortHead;
  return viewOf(head).getUint32(0) === 1 ? longHead : shortHead;
}

function boxOf(head: Uint8Array, next: number): NonNullable<FragmentScan['box']> {
  const view = viewOf(head);
  const size = head.length === longHead ? Number(view.getBigUint64(8)) : view.getUint32(0);
  const isMoof = Buffer.from(head.subarray(4, 8)).toString('latin1') === 'moof';
  // 0: to the end of the file, of which we know nothing. Less than its own head: no box at all. Neither is ever whole.
  return { isMoof, end: size < head.length ? Infinity : next - head.length + size };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

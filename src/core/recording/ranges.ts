/** First and last byte, both counted from 0 and inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** whole: no range that counts. unsatisfiable: none of its bytes is there. */
export type RangeAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' };

/**
 * What a Range header asks for of `size` bytes: https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2. One range is honoured; several, other
 * units and what is malformed are ignored, as the standard lets a server.
 */
export function parseRange(header: string | undefined, size: number): RangeAnswer {
  const [first, last] = readRange(header ?? '');
  if (first === '') return last === '' ? { kind: 'whole' } : suffix(Number(last), size);
  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return { kind: 'whole' };
  return start < size ? part(start, Math.min(end, size - 1)) : { kind: 'unsatisfiable' };
}

function readRange(header: string): readonly [string, string] {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header.trim()) ?? [];
  return [first, last];
}

function part(start: number, end: number): RangeAnswer {
  return { kind: 'part', range: { start, end } };
}

function suffix(length: number, size: number): RangeAnswer {
  if (length === 0 || size === 0) return { kind: 'unsatisfiable' };
  return part(Math.max(0, size - length), size - 1);
}

/** A stored piece: bytes `firstByte` … `firstByte + size - 1` of the recording. */
export interface Piece {
  readonly key: string;
  readonly firstByte: number;
  readonly size: number;
}

/** What to read of one piece. */
export interface PieceRead extends ByteRange {
  readonly key: string;
}

/**
 * Pieces that cover the recording from its first byte without a gap, in order; what overlaps is there once. Two operators may have stored
 * the same bytes cut differently.
 */
export function contiguous(pieces: readonly Piece[]): readonly Piece[] {
  const ordered = pieces.toSorted((a, b) => a.firstByte - b.firstByte || b.size - a.size);
  const chain: Piece[] = [];
  let to = 0;
  for (const piece of ordered) {
    if (piece.firstByte > to) break;
    if (piece.firstByte + piece.size <= to) continue;
    chain.push(piece);
    to = piece.firstByte + piece.size;
  }
  return chain;
}

/** Bytes that the pieces of {@link contiguous} hold together. */
export function lengthOf(chain: readonly Piece[]): number {
  const last = chain.at(-1);
  return last ? last.firstByte + last.size : 0;
}

/** Which bytes of which piece make up the range. `chain` as {@link contiguous} gives it. */
export function readsFor(chain: readonly Piece[], { start, end }: ByteRange): readonly PieceRead[] {
  const reads: PieceRead[] = [];
  let at = start;
  for (const { key, firstByte, size } of chain) {
    const last = Math.min(end, firstByte + size - 1);
    if (last < at || firstByte > at) continue;
    reads.push({ key, start: at - firstByte, end: last - firstByte });
    at = last + 1;
  }
  return reads;
}

import { describe, expect, it } from 'vitest';
import { contiguous, lengthOf, parseRange, readsFor, type Piece } from './ranges.ts';

describe('a Range header', () => {
  const whole = { kind: 'whole' };
  const none = { kind: 'unsatisfiable' };
  const part = (start: number, end: number): object => ({ kind: 'part', range: { start, end } });
  it.each([
    [undefined, whole],
    ['', whole],
    ['bytes=0-0', part(0, 0)],
    ['bytes=10-19', part(10, 19)],
    ['Bytes=10-', part(10, 99)],
    ['bytes=90-1000', part(90, 99)],
    ['bytes=-1', part(99, 99)],
    ['bytes=-1000', part(0, 99)],
    ['bytes=-0', none],
    ['bytes=100-', none],
    ['bytes=100-200', none],
    ['bytes=5-4', whole],
    ['bytes=-', whole],
    ['bytes=a-b', whole],
    ['bytes=0-1,5-6', whole],
    ['lines=0-1', whole],
  ])('%j of 100 bytes', (header, answer) => {
    expect(parseRange(header, 100)).toEqual(answer);
  });

  it('is never satisfied by nothing', () => {
    expect(parseRange('bytes=0-', 0)).toEqual(none);
    expect(parseRange('bytes=-5', 0)).toEqual(none);
  });
});

const piece = (firstByte: number, size: number): Piece => ({ key: `${firstByte}+${size}`, firstByte, size });
const keysOf = (pieces: readonly Piece[]): readonly string[] => pieces.map(({ key }) => key);

describe('pieces', () => {
  it.each([
    ['none', [], [], 0],
    ['in whatever order they are listed', [piece(10, 5), piece(0, 10), piece(15, 1)], ['0+10', '10+5', '15+1'], 16],
    ['up to the first gap', [piece(0, 10), piece(11, 5)], ['0+10'], 10],
    ['without a beginning', [piece(1, 10)], [], 0],
    ['of two operators', [piece(0, 10), piece(10, 4), piece(10, 9), piece(14, 8)], ['0+10', '10+9', '14+8'], 22],
    ['that another one holds', [piece(0, 10), piece(3, 4)], ['0+10'], 10],
  ])('%s', (_what, pieces, keys, length) => {
    const chain = contiguous(pieces);
    expect(keysOf(chain)).toEqual(keys);
    expect(lengthOf(chain)).toBe(length);
  });

  it('give every range the bytes that it asks for, each once', () => {
    const length = 22;
    const bytes = Array.from({ length }, (_, i) => i);
    const chain = contiguous([piece(0, 10), piece(10, 9), piece(14, 8)]);
    const stored = new Map(chain.map(({ key, firstByte, size }) => [key, bytes.slice(firstByte, firstByte + size)]));
    for (let start = 0; start < length; start += 1) {
      for (let end = start; end < length; end += 1) {
        const read = readsFor(chain, { start, end }).flatMap((r) => stored.get(r.key)?.slice(r.start, r.end + 1) ?? []);
        expect(read).toEqual(bytes.slice(start, end + 1));
      }
    }
  });
});

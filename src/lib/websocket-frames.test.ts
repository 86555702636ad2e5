import { describe, expect, test } from 'vitest';
import {
  createFrameScanner,
  encodeCloseFrame,
  encodeFrame,
  encodeTextFrame,
  opcodes,
  unmask,
  type FrameScanner,
} from './websocket-frames.ts';

interface Seen {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  readonly length: number;
  readonly message: number;
}

function seen(frame: FrameScanner): Seen {
  const { opcode, fin, masked, payloadLength, messageLength } = frame;
  return { opcode, fin, masked, length: payloadLength, message: messageLength };
}

function scanInPieces(bytes: Buffer, size: number): { frames: Seen[]; atBoundary: boolean } {
  const frames: Seen[] = [];
  const scanner = createFrameScanner((frame) => void frames.push(seen(frame)));
  for (let at = 0; at < bytes.length; at += size) scanner.feed(bytes.subarray(at, at + size));
  return { frames, atBoundary: scanner.atBoundary };
}

/** A client's frame: masked with 1, 2, 3, 4. */
function fromClient(first: number, payload: Buffer): Buffer {
  const plain = encodeFrame(first & 0x0f, payload);
  const header = Buffer.from(plain.subarray(0, plain.length - payload.length));
  header[0] = first;
  header[1] = (header[1] ?? 0) | 0x80;
  return Buffer.concat([header, Buffer.from([1, 2, 3, 4]), payload.map((byte, index) => byte ^ ((index & 3) + 1))]);
}

const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];

describe('a frame scanner', () => {
  test.each([1, 2, 3, 7, 14, 1000, 1_000_000])('sees the same frames in chunks of %i bytes', (size) => {
    const bytes = Buffer.concat(lengths.map((length) => fromClient(0x81, Buffer.alloc(length, 'x'))));
    expect(scanInPieces(bytes, size)).toEqual({
      frames: lengths.map((length) => ({ opcode: 1, fin: true, masked: true, length, message: length })),
      atBoundary: true,
    });
  });

  test('adds up the frames of one message and leaves control frames out of the sum', () => {
    const bytes = Buffer.concat([
      fromClient(0x01, Buffer.alloc(10)),
      fromClient(0x89, Buffer.alloc(3)),
      fromClient(0x00, Buffer.alloc(20)),
      fromClient(0x80, Buffer.alloc(5)),
      fromClient(0x81, Buffer.alloc(2)),
    ]);
    expect(scanInPieces(bytes, 9).frames.map((frame) => [frame.opcode, frame.fin, frame.message])).toEqual([
      [opcodes.text, false, 10],
      [opcodes.ping, true, 10],
      [opcodes.continuation, false, 30],
      [opcodes.continuation, true, 35],
      [opcodes.text, true, 2],
    ]);
  });

  test('is at a boundary only between frames', () => {
    const scanner = createFrameScanner();
    const bytes = encodeTextFrame('hello');
    const boundaries = [...bytes].map((_, index) => {
      scanner.feed(bytes.subarray(index, index + 1));
      return scanner.atBoundary;
    });
    expect(boundaries).toEqual([false, false, false, false, false, false, true]);
  });

  test('stops at the end of a header, of a payload and of the chunk', () => {
    const bytes = Buffer.concat([encodeTextFrame('ab'), encodeTextFrame(''), encodeTextFrame('cde')]);
    const scanner = createFrameScanner();
    const stops: number[] = [];
    for (let at = 0; at < bytes.length - 1;) stops.push((at = scanner.advance(bytes, at, bytes.length - 1)));
    expect(stops).toEqual([2, 4, 6, 8, 10]);
    expect([scanner.inPayload, scanner.payloadSoFar, scanner.payloadLength]).toEqual([true, 2, 3]);
  });

  test('looks only at the filled part of a buffer', () => {
    const buffer = Buffer.alloc(100, 0xff);
    const frame = encodeTextFrame('hi');
    frame.copy(buffer);
    const frames: Seen[] = [];
    const scanner = createFrameScanner((header) => void frames.push(seen(header)));
    scanner.feed(buffer, frame.length);
    expect(frames).toHaveLength(1);
    expect(scanner.atBoundary).toBe(true);
  });

  test('notices reserved bits', () => {
    const scanner = createFrameScanner();
    scanner.feed(fromClient(0xc1, Buffer.from('x')));
    expect([scanner.reserved, scanner.opcode]).toEqual([true, opcodes.text]);
  });

  test('gives the key to unmask a payload, from any place in it', () => {
    const text = '{"id":1,"method":"Browser.close"}';
    const bytes = fromClient(0x81, Buffer.from(text));
    const found: string[] = [];
    const scanner = createFrameScanner((frame, chunk, payloadAt) => {
      for (const from of [0, 7]) {
        const payload = Buffer.from(chunk.subarray(payloadAt + from));
        unmask(frame, payload, from);
        found.push(payload.toString());
      }
    });
    scanner.feed(bytes);
    expect(found).toEqual([text, text.slice(7)]);
  });
});

describe('a close frame', () => {
  test('carries code and reason', () => {
    const frame = encodeCloseFrame(1001, 'session over');
    expect([frame[0], frame[1], frame.readUInt16BE(2), frame.subarray(4).toString()]).toEqual([
      0x88,
      14,
      1001,
      'session over',
    ]);
  });

  test('cuts a reason that is too long before a character, never in it', () => {
    const frame = encodeCloseFrame(1000, 'é'.repeat(100));
    expect(frame).toHaveLength(2 + 2 + 122);
    expect(frame.subarray(4).toString()).toBe('é'.repeat(61));
  });
});

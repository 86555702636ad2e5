import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameScanner, opcodes } from '../../lib/websocket-frames.ts';
import { binaryHeader, createFrameReader, FrameError } from './viewer-frames.ts';

const maskKey = Buffer.from([0x12, 0x34, 0x56, 0x78]);

/** A frame as a client sends it. */
function fromClient(opcode: number, payload: Buffer, isFinal = true): Buffer {
  const frame = encodeFrame(opcode, payload);
  const head = Buffer.from(frame.subarray(0, frame.length - payload.length));
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  return Buffer.concat([head, maskKey, payload.map((byte, at) => byte ^ (maskKey[at & 3] ?? 0))]);
}

function read(chunks: readonly Buffer[]) {
  const bytes: Buffer[] = [];
  const replies: Buffer[] = [];
  let closes = 0;
  const take = createFrameReader({
    onBytes: (part) => void bytes.push(part),
    onReply: (frame) => void replies.push(frame),
    onClose: () => void (closes += 1),
  });
  for (const chunk of chunks) take(chunk);
  return { bytes: Buffer.concat(bytes).toString(), replies: Buffer.concat(replies), closes };
}

const stream = Buffer.concat([
  fromClient(opcodes.binary, Buffer.from('one ')),
  fromClient(opcodes.ping, Buffer.from('are you there')),
  fromClient(opcodes.binary, Buffer.from('two '), false),
  fromClient(opcodes.pong, Buffer.alloc(0)),
  fromClient(opcodes.continuation, Buffer.from('three ')),
  fromClient(opcodes.binary, Buffer.alloc(0)),
  fromClient(opcodes.binary, Buffer.alloc(300, 'x')),
  fromClient(opcodes.close, Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65])),
  fromClient(opcodes.binary, Buffer.from('behind it')),
]);
const expected = {
  bytes: `one two three ${'x'.repeat(300)}`,
  replies: Buffer.concat([
    encodeFrame(opcodes.pong, Buffer.from('are you there')),
    encodeFrame(opcodes.close, Buffer.from([0x03, 0xe8])),
  ]),
  closes: 1,
};

describe('a viewer’s frames', () => {
  it('are one stream, however they are cut in two', () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(read([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
    }
  });

  it.each([
    ['text', 1003, fromClient(opcodes.text, Buffer.from('hello'))],
    ['a frame without a mask', 1002, encodeFrame(opcodes.binary, Buffer.from('hello'))],
    ['a compressed frame', 1002, Buffer.from([0xc2, 0x80, 0, 0, 0, 0])],
    ['a ping in pieces', 1002, fromClient(opcodes.ping, Buffer.alloc(0), false)],
    ['a ping that is too long', 1002, fromClient(opcodes.ping, Buffer.alloc(126))],
    ['an opcode that is none', 1003, fromClient(3, Buffer.alloc(1))],
  ])('may not be %s', (_what, code, frame) => {
    expect(() => read([frame])).toThrow(FrameError);
    expect(() => read([frame])).toThrow(expect.objectContaining({ code }) as Error);
  });
});

it.each([0, 125, 126, 65_535, 65_536])('the header of %d bytes is that of a frame', (length) => {
  const frames = new FrameScanner();
  frames.feed(Buffer.concat([binaryHeader(length), Buffer.alloc(length)]));
  expect(frames).toMatchObject({ opcode: opcodes.binary, fin: true, masked: false, payloadLength: length });
  expect(frames.atBoundary).toBe(true);
});

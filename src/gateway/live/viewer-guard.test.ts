import { describe, expect, it } from 'vitest';
import { encodeFrame, opcodes } from '../../lib/websocket-frames.ts';
import { endings } from '../close-codes.ts';
import { largestViewerMessage, ViewerGuard } from './viewer-guard.ts';

function masked(opcode: number, payload: Buffer = Buffer.alloc(0), isFinal = true): Buffer {
  const frame = encodeFrame(opcode, payload);
  const head = Buffer.from(frame.subarray(0, frame.length - payload.length));
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}
const binary = masked(opcodes.binary, Buffer.from('pixels, please'));

describe('a viewer of the screen', () => {
  it.each([
    ['binary messages', binary],
    ['messages in pieces', Buffer.concat([masked(2, Buffer.from('a'), false), masked(0, Buffer.from('b'))])],
    ['pings', masked(opcodes.ping, Buffer.from('hello'))],
    ['a close frame', masked(opcodes.close, Buffer.from([3, 232]))],
  ])('may send %s, however they are cut', (_what, sent) => {
    for (let cut = 0; cut <= sent.length; cut++) {
      const guard = new ViewerGuard();
      expect(guard.take(sent.subarray(0, cut), cut)).toBe(cut);
      expect(guard.take(sent.subarray(cut), sent.length - cut)).toBe(sent.length - cut);
      expect(guard).toMatchObject({ verdict: undefined, passedWholeFrames: true });
    }
  });

  it.each([
    ['text', endings.text, masked(opcodes.text, Buffer.from('{}'))],
    ['frames without a mask', endings.protocolError, encodeFrame(opcodes.binary, Buffer.from('x'))],
    ['opcodes that are none', endings.protocolError, masked(3)],
    ['pings in pieces', endings.protocolError, masked(opcodes.ping, Buffer.alloc(0), false)],
    ['messages that are too large', endings.tooBigToShow, masked(2, Buffer.alloc(largestViewerMessage + 1))],
  ])('may not send %s, and what came before goes on', (_what, ending, sent) => {
    const guard = new ViewerGuard();
    const chunk = Buffer.concat([binary, sent]);
    expect(guard.take(chunk, chunk.length)).toBe(binary.length);
    expect(guard).toMatchObject({ verdict: { ending }, passedWholeFrames: true });
  });

  it('has not sent whole frames when half of a refused header went on already', () => {
    const guard = new ViewerGuard();
    const text = masked(opcodes.text, Buffer.from('{}'));
    expect(guard.take(text.subarray(0, 1), 1)).toBe(1);
    expect(guard.take(text.subarray(1), text.length - 1)).toBe(0);
    expect(guard).toMatchObject({ verdict: { ending: endings.text }, passedWholeFrames: false });
  });

  it('says that it leaves', () => {
    const guard = new ViewerGuard();
    const close = masked(opcodes.close);
    guard.take(close, close.length);
    expect(guard.saidClose).toBe(true);
  });
});

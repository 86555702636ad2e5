import { describe, expect, it } from 'vitest';
import { createClientFilter, RfbError, type Passed } from './client-messages.ts';

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const hello = Buffer.concat([Buffer.from('RFB 003.008\n'), bytes(1, 1)]);
const cutText = (text: string): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = 6;
  head.writeInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};
/** The extended form: the action in the first of four bytes, perhaps the format in the last, then what belongs to it. */
const extendedCut = (flags: number, rest: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(12);
  head[0] = 6;
  head.writeInt32BE(-(4 + rest.length), 4);
  head.writeUInt32BE(flags, 8);
  return Buffer.concat([head, rest]);
};
const encodings = (...list: number[]): Buffer => {
  const message = Buffer.alloc(4 + 4 * list.length);
  message[0] = 2;
  message.writeUInt16BE(list.length, 2);
  for (const [index, encoding] of list.entries()) message.writeInt32BE(encoding, 4 + 4 * index);
  return message;
};
const extendedClipboard = 0xc0a1e5ce | 0;

const pixelFormat = Buffer.concat([bytes(0, 0, 0, 0), Buffer.alloc(16, 7)]);
const update = bytes(3, 1, 0, 0, 0, 0, 5, 0, 2, 208);
const key = bytes(4, 1, 0, 0, 0, 0, 0, 97);
const qemuKey = bytes(255, 0, 0, 1, 0, 0, 0, 97, 0, 0, 0, 30);
const pointer = bytes(5, 1, 0, 10, 0, 20);
const continuous = bytes(150, 1, 0, 0, 0, 0, 5, 0, 2, 208);
const fence = bytes(248, 0, 0, 0, 128, 0, 0, 3, 3, 9, 9, 9);
const xvp = bytes(250, 0, 1, 2);
const resize = Buffer.concat([bytes(251, 0, 5, 0, 2, 208, 2, 0), Buffer.alloc(32, 3)]);
const notify = extendedCut((1 << 27) | 1);
const request = extendedCut((1 << 25) | 1);

/** Everything a read-only viewer's first words are followed by. */
const restriction = Buffer.concat([
  encodings(extendedClipboard),
  bytes(6, 0, 0, 0, 255, 255, 255, 248, 9, 0, 0, 1),
  Buffer.alloc(4),
]);

function run(isReadOnly: boolean, chunks: readonly Buffer[]): Passed {
  const filter = createClientFilter({ isReadOnly });
  const passed = chunks.map((chunk) => filter.take(chunk));
  return { bytes: Buffer.concat(passed.map((p) => p.bytes)), hadInput: passed.some((p) => p.hadInput) };
}
const behindHello = (isReadOnly: boolean, ...sent: Buffer[]): Passed => {
  const passed = run(isReadOnly, [hello, ...sent]);
  const start = hello.length + (isReadOnly ? restriction.length : 0);
  return { ...passed, bytes: passed.bytes.subarray(start) };
};

describe('a viewer who may do everything', () => {
  it.each([
    ['a pixel format', pixelFormat, pixelFormat, false],
    ['a request for pixels', update, update, false],
    ['a key', key, key, true],
    ["a key in QEMU's form", qemuKey, qemuKey, true],
    ['the pointer', pointer, pointer, true],
    ['a text of the clipboard', cutText('hello'), cutText('hello'), true],
    ['an empty text', cutText(''), cutText(''), true],
    ['word of a new text', notify, notify, true],
    ['what the viewer asks by itself', request, request, false],
    ['continuous updates', continuous, continuous, false],
    ['a fence', fence, fence, false],
    ['another size of the screen', resize, bytes(), false],
    ['power off', xvp, bytes(), false],
  ])('sends %s', (_what, sent, expected, hadInput) => {
    expect(behindHello(false, sent, update)).toEqual({ bytes: Buffer.concat([expected, update]), hadInput });
  });

  it('agrees on nothing that changes what messages look like', () => {
    const sent = encodings(7, -316, 16, -305, -308, extendedClipboard, -26, 12_345);
    expect(behindHello(false, sent).bytes).toEqual(encodings(7, 16, -308, extendedClipboard, -26));
  });
});

describe('a viewer who may only look on', () => {
  it.each([
    ['a pixel format', pixelFormat, pixelFormat],
    ['a request for pixels', update, update],
    ['continuous updates', continuous, continuous],
    ['a fence', fence, fence],
  ])('sends %s', (_what, sent, expected) => {
    expect(behindHello(true, sent)).toEqual({ bytes: expected, hadInput: false });
  });

  it.each([
    ['key', key],
    ["key in QEMU's form", qemuKey],
    ['pointer', pointer],
    ['text of the clipboard', cutText('x'.repeat(70_000))],
    ['word of a new text', notify],
    ['request for the text', request],
    ['size of the screen', resize],
    ['power', xvp],
  ])('sends no %s', (_what, sent) => {
    expect(behindHello(true, sent, update)).toEqual({ bytes: update, hadInput: false });
  });

  it('is told of the clipboard, not what is in it, before it has said anything', () => {
    expect(run(true, [hello]).bytes).toEqual(Buffer.concat([hello, restriction]));
  });

  it('is told no more when it asks for other encodings', () => {
    expect(behindHello(true, encodings(7, 16)).bytes).toEqual(
      Buffer.concat([encodings(7, 16, extendedClipboard), restriction.subarray(8)]),
    );
  });
});

it('sends nobody else away', () => {
  const alone = Buffer.concat([Buffer.from('RFB 003.008\n'), bytes(1, 0)]);
  expect(run(false, [alone]).bytes).toEqual(hello);
});

describe('nothing is understood behind', () => {
  it.each([
    ['another version', Buffer.from('RFB 003.003\n')],
    ['what is no RFB', Buffer.from('GET / HTTP/1.1\r\n')],
    ['another security type', Buffer.concat([Buffer.from('RFB 003.008\n'), bytes(2)])],
    ['an unknown type', Buffer.concat([hello, bytes(7)])],
    ['gii', Buffer.concat([hello, bytes(253, 129, 0, 4)])],
    ["QEMU's sound", Buffer.concat([hello, bytes(255, 1), Buffer.alloc(10)])],
    ['a text of 2 MiB', Buffer.concat([hello, bytes(6, 0, 0, 0, 0, 32, 0, 0)])],
    ['an extended text of the most negative length', Buffer.concat([hello, bytes(6, 0, 0, 0, 128, 0, 0, 0)])],
    ['257 encodings', Buffer.concat([hello, bytes(2, 0, 1, 1)])],
    ['a fence of 65 bytes', Buffer.concat([hello, bytes(248, 0, 0, 0, 0, 0, 0, 0, 65)])],
  ])('%s', (_what, sent) => {
    for (const isReadOnly of [false, true]) expect(() => run(isReadOnly, [sent])).toThrow(RfbError);
  });
});

describe.each([false, true])('read-only %s:', (isReadOnly) => {
  const all = [pixelFormat, encodings(7, -316, 16), update, key, qemuKey, pointer, cutText('Grüße'), cutText('')];
  const more = [request, notify, continuous, fence, xvp, resize, extendedCut((1 << 28) | 1, bytes(1, 2, 3)), update];
  const stream = Buffer.concat([hello, ...all, ...more]);
  const whole = run(isReadOnly, [stream]);

  it('the same bytes pass however they are cut in two', () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(run(isReadOnly, [stream.subarray(0, at), stream.subarray(at)])).toEqual(whole);
    }
  });

  it.each([1, 2, 3, 5, 7, 11])('the same bytes pass in pieces of %d', (size) => {
    const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    );
    expect(run(isReadOnly, pieces)).toEqual(whole);
  });

  it('of a message that is not whole nothing passes', () => {
    const filter = createClientFilter({ isReadOnly });
    filter.take(hello);
    expect(filter.take(update.subarray(0, 9)).bytes).toHaveLength(0);
    expect(filter.take(update.subarray(9)).bytes).toEqual(update);
  });
});

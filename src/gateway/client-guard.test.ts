import { describe, expect, test } from 'vitest';
import { ClientGuard } from './client-guard.ts';
import { endings, largestMessage } from './close-codes.ts';

interface FrameOptions {
  readonly fin?: boolean;
  readonly masked?: boolean;
  readonly reserved?: boolean;
  /** Announced instead of the payload's own. */
  readonly length?: number;
}

/** The second byte of a header and what follows it, the mask left out. */
function lengthField(length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.from([maskBit | length]);
  const field = Buffer.alloc(length < 65_536 ? 3 : 9);
  field[0] = maskBit | (length < 65_536 ? 126 : 127);
  if (length < 65_536) field.writeUInt16BE(length, 1);
  else field.writeBigUInt64BE(BigInt(length), 1);
  return field;
}

const key = [9, 8, 7, 6] as const;

/** A client's frame. */
function frame(opcode: number, payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { fin = true, masked = true, reserved = false } = options;
  const bytes = Buffer.from(payload);
  const first = Buffer.from([opcode | (fin ? 0x80 : 0) | (reserved ? 0x40 : 0)]);
  const field = lengthField(options.length ?? bytes.length, masked ? 0x80 : 0);
  if (!masked) return Buffer.concat([first, field, bytes]);
  const hidden = bytes.map((byte, index) => byte ^ (key[index & 3] ?? 0));
  return Buffer.concat([first, field, Buffer.from(key), hidden]);
}

const text = (payload: string | Buffer, options?: FrameOptions): Buffer => frame(1, payload, options);
const more = (payload: string, options?: FrameOptions): Buffer => frame(0, payload, options);
const ping = frame(9, 'hello');
const call = '{"id":5,"method":"Browser.close"}';

/** What goes on to the browser when `bytes` come in pieces of `size`, each in the same buffer that is then overwritten. */
function relayed(bytes: Buffer, size: number): { readonly passed: Buffer; readonly guard: ClientGuard } {
  const guard = new ClientGuard();
  const passed: Buffer[] = [];
  const buffer = Buffer.alloc(size + 10, 0xff);
  for (let at = 0; at < bytes.length && !guard.verdict; at += size) {
    const length = bytes.copy(buffer, 0, at, Math.min(at + size, bytes.length));
    const cleared = guard.take(buffer, length);
    if (cleared > 0) passed.push(...guard.released, Buffer.from(buffer.subarray(0, cleared)));
    buffer.fill(0xff);
  }
  return { passed: Buffer.concat(passed), guard };
}

const sizes = [1, 2, 5, 7, 64, 1000, 1_000_000];

describe('what is harmless goes on unchanged, in pieces of any size', () => {
  const messages = [
    text('{"id":1,"method":"Page.enable"}'),
    text(''),
    text('x'.repeat(125)),
    text('x'.repeat(1024)),
    text('x'.repeat(1025)),
    text('x'.repeat(70_000)),
    text('{"id":1,"method":"Debugger.enable"}'),
    text('{"id":2,"method":"Runtime.evaluate","params":{"expression":"\\u0042rowser.close"}}'),
    ping,
    frame(10, ''),
    text('a', { fin: false }),
    ping,
    more('', { fin: false }),
    more('b'),
    text('x'.repeat(1000), { fin: false }),
    more('y'.repeat(1000), { fin: false }),
    more('z'),
    frame(8, Buffer.from([3, 0xe8])),
  ];
  test.each(sizes)('%i', (size) => {
    const bytes = Buffer.concat(messages);
    const { passed, guard } = relayed(bytes, size);
    expect(passed.equals(bytes)).toBe(true);
    expect([guard.verdict, guard.saidClose, guard.passedWholeFrames]).toEqual([undefined, true, true]);
  });
});

describe('Browser.close is held back, whole, and what stands before it goes on', () => {
  const before = Buffer.concat([text('{"id":1}'), text('x'.repeat(2000))]);
  const forms: [string, Buffer][] = [
    ['in one frame', text(call)],
    ['in two fragments', Buffer.concat([text(call.slice(0, 21), { fin: false }), more(call.slice(21))])],
    [
      'in fragments around a ping',
      Buffer.concat([
        text(call.slice(0, 3), { fin: false }),
        ping,
        more(call.slice(3, 9), { fin: false }),
        more(call.slice(9)),
      ]),
    ],
    ['with much white space', text(`${' '.repeat(900)}${call}`)],
  ];
  test.each(forms.flatMap(([how, bytes]) => sizes.map((size): [string, number, Buffer] => [how, size, bytes])))(
    '%s, in pieces of %i',
    (_how, size, bytes) => {
      const { passed, guard } = relayed(Buffer.concat([before, bytes, text('after')]), size);
      expect(guard.verdict).toEqual({ kind: 'browserClose', call: { id: 5 } });
      expect(passed.equals(before)).toBe(true);
    },
  );

  test('a longer message is not looked into', () => {
    const bytes = text(`${call}${' '.repeat(1024)}`);
    expect(relayed(bytes, 100).passed.equals(bytes)).toBe(true);
  });

  test('a message in endless pieces is not kept for ever', () => {
    const bytes = Buffer.concat([
      text('a', { fin: false }),
      ...Array.from({ length: 4000 }, () => more('', { fin: false })),
    ]);
    expect(relayed(bytes, 100).passed.length).toBeGreaterThan(bytes.length - 200);
  });
});

describe('refused from the header alone:', () => {
  test.each([
    ['a binary frame', frame(2, 'x'), endings.binary],
    ['more than Chromium takes', text('x', { length: largestMessage + 1 }), endings.tooBig],
    ['an absurd length', text('x', { length: 2 ** 52 }), endings.tooBig],
    [
      'more than Chromium takes in fragments',
      Buffer.concat([text('x', { fin: false }), more('', { length: largestMessage })]),
      endings.tooBig,
    ],
    ['a frame without a mask', text('x', { masked: false }), endings.protocolError],
    ['a compressed frame', text('x', { reserved: true }), endings.protocolError],
    ['an unknown opcode', frame(3, 'x'), endings.protocolError],
    ['an unknown control opcode', frame(11, 'x'), endings.protocolError],
    ['a long ping', frame(9, 'x'.repeat(126)), endings.protocolError],
    ['a ping in fragments', frame(9, 'x', { fin: false }), endings.protocolError],
    ['a continuation of nothing', more('x'), endings.protocolError],
    ['a message within a message', Buffer.concat([text('a', { fin: false }), text('b')]), endings.protocolError],
  ])('%s', (_what, bytes, ending) => {
    const before = text('{"id":1}');
    const { passed, guard } = relayed(Buffer.concat([before, bytes]), 1_000_000);
    expect(guard.verdict).toEqual({ kind: 'refused', ending });
    expect(passed.subarray(0, before.length).equals(before)).toBe(true);
    expect(guard.passedWholeFrames).toBe(true);
  });

  test('the largest message is not', () => {
    expect(relayed(text('x', { length: largestMessage }), 100).guard.verdict).toBeUndefined();
  });
});

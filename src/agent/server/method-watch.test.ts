import { describe, expect, it } from 'vitest';
import { encodeFrame, opcodes } from '../../lib/websocket-frames.ts';
import { createMethodWatch } from './method-watch.ts';

function fromClient(opcode: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const plain = encodeFrame(opcode, payload);
  const header = plain.subarray(0, plain.length - payload.length);
  header[1] = (header[1] ?? 0) | 0x80;
  const key = Buffer.from([0x5a, 0x22, 0x91, 0x7c]);
  return Buffer.concat([header, key, payload.map((byte, index) => byte ^ (key[index & 3] ?? 0))]);
}

const command = '{"id":1,"method":"Page.navigate","params":{"url":"https://example.com/"}}';
const late = `{"id":1,"params":{"text":"${'x'.repeat(200)}"},"method":"Page.navigate"}`;

function count(bytes: Buffer, size: number): number {
  let methods = 0;
  const watch = createMethodWatch(() => (methods += 1));
  for (let at = 0; at < bytes.length; at += size) watch(bytes.subarray(at, at + size));
  return methods;
}

describe('a method watch', () => {
  it.each([1, 3, 7, 160, 10_000])('counts commands in chunks of %i bytes', (size) => {
    const bytes = Buffer.concat([
      fromClient(opcodes.text, command),
      fromClient(opcodes.ping, '"method"'),
      fromClient(opcodes.text, '{"id":2}'),
      fromClient(opcodes.text, ''),
      fromClient(opcodes.text, late),
      fromClient(opcodes.binary, command),
      fromClient(opcodes.text, command + ' '.repeat(70_000)),
    ]);
    expect(count(bytes, size)).toBe(2);
  });
});

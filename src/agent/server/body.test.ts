import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { bindRequest } from '../../api/agent/wire.ts';
import { parseBindRequest, parseEndIfIdleRequest, readBody } from './body.ts';

const sessionUid = '6f1c2f0e-8f0b-4e0e-9a53-0d9d3a1f2b3c';
const least = { sessionUid, idlePolicy: 'attached' };

describe('a bind', () => {
  it.each([
    [least, true],
    [{ ...least, viewport: { width: 800, height: 600 } }, true],
    [{ ...least, idlePolicy: 'messages' }, true],
    [{ ...least, idlePolicy: 'never' }, false],
    [{ ...least, sessionUid: 'x' }, false],
    [{ ...least, sessionUid: `${sessionUid}0` }, false],
    [{ idlePolicy: 'attached' }, false],
    [{ ...least, viewport: { width: 800 } }, false],
    [{ ...least, viewport: { width: 800, height: 0.5 } }, false],
    [{ ...least, viewport: null }, false],
  ])('is parsed as its zod schema says: %j', (body, isValid) => {
    expect(bindRequest.safeParse(body).success).toBe(isValid);
    if (isValid) expect(parseBindRequest(body)).toEqual(body);
    else expect(() => parseBindRequest(body)).toThrow(/must/);
  });
});

it.each([[{}], [{ idleForMs: -1 }], [{ idleForMs: Number.NaN }], [{ idleForMs: '1' }]])('no duration: %j', (body) =>
  expect(() => parseEndIfIdleRequest(body)).toThrow('idleForMs'),
);

const requestOf = (...chunks: string[]): IncomingMessage =>
  Readable.from(chunks.map((chunk) => Buffer.from(chunk))) as unknown as IncomingMessage;

it('reads a body in pieces, and no other than a JSON object of bearable size', async () => {
  expect(await readBody(requestOf('{"a"', ':1}'))).toEqual({ a: 1 });
  for (const text of ['', '1', 'null', '{']) await expect(readBody(requestOf(text))).rejects.toThrow('JSON object');
  await expect(readBody(requestOf(`"${'x'.repeat(300_000)}"`))).rejects.toThrow('too long');
});

import { describe, expect, test } from 'vitest';
import { acceptFor } from '../lib/websocket-frames.ts';
import { parseHandshake, parseResponseHead, toSwitchingProtocols, toUpstreamHead } from './handshake.ts';
import { refusals } from './refusal.ts';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const good = { 'sec-websocket-key': key, 'sec-websocket-version': '13' };

describe("a client's handshake", () => {
  test.each([
    ['as in the standard', good, { kind: 'handshake', key, protocol: undefined }],
    ['with protocols', { ...good, 'sec-websocket-protocol': 'a, b' }, { protocol: 'a, b' }],
    ['without a key', { 'sec-websocket-version': '13' }, refusals.badHandshake],
    ['with a short key', { ...good, 'sec-websocket-key': 'abc=' }, refusals.badHandshake],
    ['with a key that breaks the line', { ...good, 'sec-websocket-key': `${key}\r\nX: y` }, refusals.badHandshake],
    ['of an old version', { ...good, 'sec-websocket-version': '8' }, refusals.wrongVersion],
    ['with no protocol', { ...good, 'sec-websocket-protocol': '' }, refusals.badHandshake],
    ['with a bad protocol', { ...good, 'sec-websocket-protocol': 'a\r\nX: y' }, refusals.badHandshake],
  ])('%s', (_what, headers, expected) => {
    expect(parseHandshake(headers)).toMatchObject(expected);
  });
});

test('the accept value is that of the standard', () => {
  expect(acceptFor(key)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('upstream is asked in our own words', () => {
  const handshake = { kind: 'handshake', key, protocol: 'a' } as const;
  expect(toUpstreamHead({ path: '/cdp/browser', ticket: 'TICKET', handshake })).toBe(
    [
      'GET /cdp/browser HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: a',
      'Authorization: Bearer TICKET',
      '',
      '',
    ].join('\r\n'),
  );
});

test('the client is let in with the protocol that was chosen', () => {
  expect(toSwitchingProtocols(key, 'a')).toContain('\r\nSec-WebSocket-Protocol: a\r\n\r\n');
  expect(toSwitchingProtocols(key, undefined)).not.toContain('Protocol:');
});

describe('a response head', () => {
  test('has a status and headers', () => {
    const head = parseResponseHead('HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept:  x=:y \r\nA: 1');
    expect(head?.status).toBe(101);
    expect([...(head?.headers ?? [])]).toEqual([
      ['sec-websocket-accept', 'x=:y'],
      ['a', '1'],
    ]);
  });

  test.each(['', 'HTTP/1.1', 'HTTP/2 101', 'SSH-2.0-x', 'HTTP/1.1 999 x'])('is none: %j', (text) => {
    expect(parseResponseHead(text)).toBeUndefined();
  });
});

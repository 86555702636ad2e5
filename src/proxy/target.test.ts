import { describe, expect, it } from 'vitest';
import { EgressError } from './egress-error.ts';
import { parseAbsoluteForm, parseAuthority } from './target.ts';

const codeOf = (fn: () => unknown): string => {
  try {
    return JSON.stringify(fn());
  } catch (error) {
    return error instanceof EgressError ? error.code : String(error);
  }
};

describe('parseAuthority', () => {
  it.each([
    ['example.com:443', 'example.com', 443],
    ['example.com:80', 'example.com', 80],
    ['EXAMPLE.com:443', 'example.com', 443],
    ['127.0.0.1:3000', '127.0.0.1', 3000],
    ['2130706433:80', '127.0.0.1', 80],
    ['0177.0.0.1:80', '127.0.0.1', 80],
    ['0x7f.1:80', '127.0.0.1', 80],
    ['127.1:80', '127.0.0.1', 80],
    ['127.0.0.1.:80', '127.0.0.1', 80],
    ['0:80', '0.0.0.0', 80],
    ['[::1]:8080', '::1', 8080],
    ['[::ffff:127.0.0.1]:8080', '::ffff:7f00:1', 8080],
    ['localhost.:80', 'localhost.', 80],
    ['host:65535', 'host', 65_535],
  ])('%s', (text, host, port) => {
    expect(parseAuthority(text)).toEqual({ host, port });
  });
  it.each([
    ...['', 'example.com', ':443', 'example.com:', 'example.com:0', 'example.com:65536', 'example.com:443/', '::1:80'],
    ...[
      'user@example.com:443',
      'a b:1',
      'http://example.com:80',
      '[fe80::1%25eth0]:80',
      '4294967296:80',
      '[::1:80',
      'a\\b:1',
    ],
  ])('refuses %j', (text) => {
    expect(codeOf(() => parseAuthority(text))).toBe('bad_request');
  });
});

describe('parseAbsoluteForm', () => {
  it.each([
    ['http://example.com', 'example.com', 80, 'example.com', '/'],
    ['http://example.com/', 'example.com', 80, 'example.com', '/'],
    ['HTTP://Example.com:80/a', 'example.com', 80, 'example.com', '/a'],
    ['http://example.com:8080/a?b=c|d#e', 'example.com', 8080, 'example.com:8080', '/a?b=c|d'],
    ['http://example.com?q=1', 'example.com', 80, 'example.com', '/?q=1'],
    ['http://example.com/%7Euser/../x', 'example.com', 80, 'example.com', '/%7Euser/../x'],
    ['http://user:secret@example.com/a', 'example.com', 80, 'example.com', '/a'],
    ['http://2130706433/', '127.0.0.1', 80, '127.0.0.1', '/'],
    ['http://0x7f000001:81/', '127.0.0.1', 81, '127.0.0.1:81', '/'],
    ['http://[::1]:81/x', '::1', 81, '[::1]:81', '/x'],
    ['ws://example.com/socket', 'example.com', 80, 'example.com', '/socket'],
    ['http://1.1.1.1\\@127.0.0.1/', '1.1.1.1', 80, '1.1.1.1', '/\\@127.0.0.1/'],
    ['http://bücher.example/', 'xn--bcher-kva.example', 80, 'xn--bcher-kva.example', '/'],
  ])('%s', (text, host, port, authority, path) => {
    expect(parseAbsoluteForm(text)).toEqual({ host, port, authority, path });
  });
  it.each([
    '',
    '/',
    '/path',
    '*',
    'https://example.com/',
    'ftp://example.com/',
    'http://',
    'http://a:0/',
    'http://a:99999/',
  ])('refuses %j', (text) => {
    expect(codeOf(() => parseAbsoluteForm(text))).toBe('bad_request');
  });
});

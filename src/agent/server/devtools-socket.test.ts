import { describe, expect, it } from 'vitest';
import { buildUpgradeHead, toDevtoolsPath } from './devtools-socket.ts';

const endpoint = { port: 21_000, browserPath: '/devtools/browser/real-id' };

describe('the path of a DevTools socket', () => {
  it.each([
    ['/cdp/browser', '/devtools/browser/real-id'],
    ['/cdp/browser?x=1', '/devtools/browser/real-id'],
    ['/cdp/devtools/browser', '/devtools/browser/real-id'],
    ['/cdp/devtools/browser/of-another', '/devtools/browser/real-id'],
    ['/cdp/devtools/page/ABC123', '/devtools/page/ABC123'],
    ['/cdp/devtools/page/ABC/../x', undefined],
    ['/cdp/devtools/page/A%20B', undefined],
    ['/cdp/devtools/page/', undefined],
    ['/cdp/json/version', undefined],
    ['/cdp', undefined],
    ['/devtools/page/ABC', undefined],
    ['', undefined],
  ])('of %s', (url, expected) => expect(toDevtoolsPath(url, endpoint)).toBe(expected));
});

describe('what Chromium hears of a client', () => {
  it('is the handshake and nothing else', () => {
    const head = buildUpgradeHead('/devtools/browser/x', {
      host: 'pod:7700',
      origin: 'https://evil.example',
      cookie: 'a=b',
      authorization: 'Bearer secret',
      'sec-websocket-key': 'KEY',
      'sec-websocket-version': '13',
      'sec-websocket-extensions': 'permessage-deflate',
      'sec-websocket-protocol': 'p',
    });
    expect(head.split('\r\n')).toEqual([
      'GET /devtools/browser/x HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: KEY',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: p',
      '',
      '',
    ]);
  });

  it('needs a key', () => {
    expect(() => buildUpgradeHead('/', { 'sec-websocket-version': '13' })).toThrow('no WebSocket handshake');
  });
});

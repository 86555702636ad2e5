import { describe, expect, it } from 'vitest';
import { toEndToEnd } from './headers.ts';

describe('toEndToEnd', () => {
  it('keeps spelling, order and repetition of what goes on', () => {
    const raw = ['Accept', '*/*', 'X-A', '1', 'x-a', '2', 'Set-Cookie', 'a=b', 'Set-Cookie', 'c=d'];
    expect(toEndToEnd(raw)).toEqual(raw);
  });
  it.each([
    ...['Connection', 'Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization', 'PROXY-AUTHENTICATE', 'TE', 'Trailer'],
    ...['Transfer-Encoding', 'Upgrade', 'Expect', 'X-Porthole-Egress', 'Proxy-Authentication-Info'],
  ])('drops %s', (name) => {
    expect(toEndToEnd(['A', '1', name, 'value', 'B', '2'])).toEqual(['A', '1', 'B', '2']);
  });
  it('drops what Connection names, wherever it stands', () => {
    expect(toEndToEnd(['X-Hop', '1', 'Connection', 'close, x-hop ,X-Other', 'X-Other', '2', 'X-Stays', '3'])).toEqual([
      'X-Stays',
      '3',
    ]);
  });
  it('does not let Connection name what frames a message', () => {
    expect(toEndToEnd(['Connection', 'content-length, host', 'Content-Length', '5', 'Host', 'a'])).toEqual([
      ...['Content-Length', '5', 'Host', 'a'],
    ]);
  });
  it('drops what it is told to, and values that cannot be sent', () => {
    expect(toEndToEnd(['Host', 'a', 'X', 'a\u0000b', 'Y', 'caf\u00e9'], ['host'])).toEqual(['Y', 'caf\u00e9']);
  });
});

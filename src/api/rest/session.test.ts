import { describe, expect, test } from 'vitest';
import { createSessionRequest } from './session.ts';

const isValid = (body: unknown): boolean => createSessionRequest.safeParse(body).success;

describe('proxyUrl', () => {
  test.each([
    'http://proxy.example:8080',
    'https://proxy.example:443',
    'socks4://10.0.0.1:1080',
    'socks5://user:pass@proxy.example:1080',
    'http://user:@proxy.example:1',
    'http://us%40er:p%3Ass@proxy.example:65535',
    "http://user:a-._~!$&'()*+,;=z@proxy.example:80",
    'http://[::1]:3128',
    'http://[2001:db8::1]:3128',
    'http://proxy:3128',
    'http://my_proxy.internal:3128',
  ])('%s is taken', (proxyUrl) => expect(isValid({ proxyUrl })).toBe(true));

  test.each([
    '',
    'proxy.example:8080',
    '//proxy.example:8080',
    'ftp://proxy.example:21',
    'socks://proxy.example:1080',
    'socks5h://proxy.example:1080',
    'HTTP://proxy.example:8080',
    'http://proxy.example',
    'http://proxy.example:',
    'http://proxy.example:0',
    'http://proxy.example:65536',
    'http://proxy.example:8080/',
    'http://proxy.example:8080/path',
    'http://proxy.example:8080?a=b',
    'http://proxy.example:8080#a',
    'http://:8080',
    'http://user@proxy.example:8080',
    'http://:pass@proxy.example:8080',
    'http://user:pa ss@proxy.example:8080',
    'http://user:p%zz@proxy.example:8080',
    'http://user:p@ss@proxy.example:8080',
    'http://user:p:ss@proxy.example:8080',
    'http://1.2.3.4.5:8080',
    'http://300.1.1.1:8080',
    'http://[::1:3128',
    'http://[:::]:3128',
    'http://[1.2.3.4]:3128',
    'http://pr oxy:80',
    'http://pr\noxy:80',
    'http://proxy.example:8080\n',
    'http://proxy.example:8080\u0000',
    'http://-proxy:80',
    `http://${'a'.repeat(2_100)}:80`,
  ])('%j is refused', (proxyUrl) => expect(isValid({ proxyUrl })).toBe(false));

  test('a refusal does not repeat the password', () => {
    const { error } = createSessionRequest.safeParse({ proxyUrl: 'gopher://user:hunter2@h:1' });
    expect(JSON.stringify(error?.issues)).not.toContain('hunter2');
  });
});

describe('a request', () => {
  test.each([
    [{}, true],
    [{ capabilities: [], extensions: [] }, true],
    [{ capabilities: ['stealth', 'recording', 'stealth'] }, true],
    [{ extensions: Array.from({ length: 20 }, (_, i) => `e${i}`) }, true],
    [{ extensions: Array.from({ length: 500 }, () => 'the-same') }, true],
    [{ extensions: Array.from({ length: 21 }, (_, i) => `e${i}`) }, false],
    [{ proxy: {} }, true],
    [{ proxy: { location: 'de', provider: 'acme', sticky: true } }, true],
    [{ proxy: {}, proxyUrl: 'http://h:1' }, false],
    [{ timeout: 1_000 }, true],
    [{ timeout: 86_400_000 }, true],
    [{ timeout: 999 }, false],
    [{ timeout: 86_400_001 }, false],
    [{ timeout: 1_000.5 }, false],
    [{ timeout: Number.NaN }, false],
    [{ unknown: 1 }, false],
    [undefined, false],
    [null, false],
    [[], false],
  ])('%j: %s', (body, valid) => expect(isValid(body)).toBe(valid));
});

import { expect, it } from 'vitest';
import { buildFlags } from './flags.ts';

const options = {
  devtoolsPort: 21_007,
  podIp: '10.1.2.3',
  profile: '/work/profile',
  isHeadless: false,
  size: { width: 800, height: 600 },
  avoidsShm: false,
};

it('sends everything through the proxy of the pod', () => {
  const flags = buildFlags(options);
  expect(flags).toContain('--proxy-server=http://10.1.2.3:7701');
  expect(flags).toContain('--proxy-bypass-list=<-loopback>');
  expect(flags).toContain('--disable-quic');
  expect(flags.join(' ')).toMatch(/webrtc-ip-handling-policy=disable_non_proxied_udp/);
});

it.each([true, false])('never turns Chromium’s sandbox off (headless: %s)', (isHeadless) => {
  const flags = buildFlags({ ...options, isHeadless, avoidsShm: true });
  expect(flags.filter((flag) => /sandbox|disable-web-security|single-process/.test(flag))).toEqual([]);
  expect(flags.includes('--headless=new')).toBe(isHeadless);
  expect(flags).toContain('--disable-dev-shm-usage');
});

it('says each thing once, and the one tab last', () => {
  const flags = buildFlags(options);
  const names = flags.map((flag) => flag.split('=')[0]);
  expect(new Set(names).size).toBe(names.length);
  expect(flags.at(-1)).toBe('about:blank');
});

import { describe, expect, it } from 'vitest';
import { parsePorts, parseProxySettings } from './settings.ts';

describe('parsePorts', () => {
  it.each([
    ['', []],
    ['  ', []],
    ['8080', [8080]],
    ['8080, 8081,9090', [8080, 8081, 9090]],
  ])('%j', (text, ports) => {
    expect([...parsePorts(text)]).toEqual(ports);
  });
  it.each(['0', '65536', '80a', '80,', '-1', '1.5'])('refuses %j', (text) => {
    expect(() => parsePorts(text)).toThrow('is not a TCP port');
  });
});

describe('parseProxySettings', () => {
  it('needs no more than an address', () => {
    const settings = parseProxySettings({ POD_IP: '10.1.2.3' });
    expect(settings.podIp).toBe('10.1.2.3');
    expect(settings.egressAllow.has('127.0.0.1')).toBe(false);
    expect(settings).toMatchObject({ egressDenyPorts: new Set(), runAs: undefined, isVerbose: false });
  });
  it('reads everything', () => {
    const settings = parseProxySettings({
      POD_IP: '127.77.1.2',
      PORTHOLE_EGRESS_ALLOW: '127.0.0.0/8,::1/128',
      PORTHOLE_EGRESS_DENY_PORTS: '8080,9090',
      PORTHOLE_RUN_AS: '5:6',
      PORTHOLE_LOG_LEVEL: 'debug',
    });
    expect(settings.egressAllow.has('::1')).toBe(true);
    expect(settings).toMatchObject({
      egressDenyPorts: new Set([8080, 9090]),
      runAs: { uid: 5, gid: 6 },
      isVerbose: true,
    });
  });
  it.each([
    [{}, 'POD_IP: "" is not an IP address'],
    [{ POD_IP: 'localhost' }, 'POD_IP'],
    [{ POD_IP: '::1', PORTHOLE_EGRESS_ALLOW: '10.0.0.0/8,x' }, 'PORTHOLE_EGRESS_ALLOW: "x"'],
    [{ POD_IP: '::1', PORTHOLE_EGRESS_DENY_PORTS: 'http' }, 'PORTHOLE_EGRESS_DENY_PORTS: "http"'],
    [{ POD_IP: '::1', PORTHOLE_RUN_AS: 'root' }, 'PORTHOLE_RUN_AS'],
  ])('refuses %j and says which variable', (environment, message) => {
    expect(() => parseProxySettings(environment)).toThrow(message);
  });
});

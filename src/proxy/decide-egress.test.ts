import { describe, expect, it } from 'vitest';
import { createAddressSet, parseCidrList } from '../lib/net-address.ts';
import { decideEgress, type EgressPolicy } from './decide-egress.ts';
import type { DenyReason } from './egress-error.ts';

const loopbackAllowed = '127.0.0.0/8,::1/128';
const everything = '0.0.0.0/0,::/0';

const policy = (allow: string): EgressPolicy => ({
  allowed: parseCidrList(allow),
  deniedPorts: new Set([8080, 9090]),
  machine: createAddressSet(['127.0.0.1', '::1', '10.5.0.2', '2a00:5::2', 'fe80::5']),
});
const decide = (allow: string, port: number, addresses: readonly string[]) =>
  decideEgress({ port, addresses, policy: policy(allow) });

describe('decideEgress', () => {
  const allowed: readonly [allow: string, port: number, address: string][] = [
    ['', 443, '1.1.1.1'],
    ['', 443, '2606:4700::1111'],
    ['', 8080, '1.1.1.1'],
    ['', 22_000, '1.1.1.1'],
    ['', 80, '64:ff9b::101:101'],
    [loopbackAllowed, 443, '1.1.1.1'],
    [loopbackAllowed, 3000, '127.0.0.1'],
    [loopbackAllowed, 3000, '127.76.255.255'],
    [loopbackAllowed, 3000, '127.78.0.0'],
    [loopbackAllowed, 20_999, '127.0.0.1'],
    [loopbackAllowed, 25_000, '127.0.0.1'],
    [loopbackAllowed, 3000, '::1'],
    ['10.0.0.0/8', 80, '10.5.0.2'],
    ['10.0.0.0/8', 8080, '10.5.0.3'],
    ['10.0.0.0/8', 22_000, '10.5.0.3'],
    ['169.254.0.0/16', 80, '169.254.1.1'],
    ['192.168.7.7', 80, '192.168.7.7'],
    ['fd00::/8', 80, 'fd12::1'],
    [everything, 80, '0.0.0.0'],
  ];
  it.each(allowed)('with %j port %i of %s may be reached', (allow, port, address) => {
    expect(decide(allow, port, [address])).toEqual({ kind: 'allow', addresses: [address] });
  });

  const denied: readonly [allow: string, port: number, address: string, reason: DenyReason][] = [
    ['', 80, '127.0.0.1', 'private_address'],
    ['', 80, '::1', 'private_address'],
    ['', 80, '::ffff:127.0.0.1', 'private_address'],
    ['', 80, '10.1.2.3', 'private_address'],
    ['', 80, '192.168.7.8', 'private_address'],
    ['192.168.7.7', 80, '192.168.7.8', 'private_address'],
    ['', 80, '100.64.0.1', 'private_address'],
    ['', 80, '169.254.1.1', 'private_address'],
    ['', 80, '255.255.255.255', 'private_address'],
    ['', 80, '224.0.0.251', 'private_address'],
    ['', 80, 'fe80::5', 'private_address'],
    ['', 80, 'fd12::1', 'private_address'],
    ['', 80, '64:ff9b::a01:203', 'private_address'],
    ['', 80, '2002:a01:203::', 'private_address'],
    [loopbackAllowed, 80, '0.0.0.0', 'private_address'],
    [loopbackAllowed, 80, '::', 'private_address'],
    [loopbackAllowed, 80, '10.5.0.2', 'private_address'],
    // What an IPv6 address embeds is not allowed by an IPv4 range: it is not a connection to there.
    [loopbackAllowed, 80, '64:ff9b::7f00:1', 'private_address'],
    ['', 80, '169.254.169.254', 'metadata_address'],
    [everything, 80, '169.254.169.254', 'metadata_address'],
    [everything, 80, '::ffff:169.254.169.254', 'metadata_address'],
    [everything, 80, '64:ff9b::a9fe:a9fe', 'metadata_address'],
    [everything, 80, 'fd00:ec2::254', 'metadata_address'],
    ['', 80, '168.63.129.16', 'metadata_address'],
    [loopbackAllowed, 80, '127.77.0.0', 'sandbox_address'],
    [loopbackAllowed, 80, '127.77.255.255', 'sandbox_address'],
    [loopbackAllowed, 80, '::ffff:127.77.1.2', 'sandbox_address'],
    [everything, 443, '127.77.1.2', 'sandbox_address'],
    [everything, 443, '64:ff9b::7f4d:102', 'sandbox_address'],
    [everything, 443, '2002:7f4d:102::', 'sandbox_address'],
    ['127.77.1.2', 443, '127.77.1.2', 'sandbox_address'],
    [loopbackAllowed, 21_000, '127.0.0.1', 'devtools_port'],
    [loopbackAllowed, 24_999, '127.9.9.9', 'devtools_port'],
    [loopbackAllowed, 22_222, '::1', 'devtools_port'],
    [loopbackAllowed, 22_222, '::ffff:7f00:1', 'devtools_port'],
    [everything, 22_222, '0.0.0.0', 'devtools_port'],
    [everything, 22_222, '0.0.0.1', 'devtools_port'],
    [everything, 22_222, '::', 'devtools_port'],
    [everything, 22_222, '10.5.0.2', 'devtools_port'],
    [everything, 22_222, '64:ff9b::a05:2', 'devtools_port'],
    ['', 22_222, '2a00:5::2', 'devtools_port'],
    ['', 22_222, '127.0.0.1', 'devtools_port'],
    [loopbackAllowed, 8080, '127.0.0.1', 'porthole_port'],
    [loopbackAllowed, 9090, '127.1.2.3', 'porthole_port'],
    [loopbackAllowed, 9090, '::1', 'porthole_port'],
    [everything, 8080, '0.0.0.0', 'porthole_port'],
    [everything, 8080, '::', 'porthole_port'],
    [everything, 8080, '10.5.0.2', 'porthole_port'],
    [everything, 8080, 'fe80::5', 'porthole_port'],
    ['', 8080, '2a00:5::2', 'porthole_port'],
    [loopbackAllowed, 7700, '127.0.0.1', 'porthole_port'],
    [everything, 7701, '10.5.0.2', 'porthole_port'],
    [everything, 7702, '10.200.3.4', 'porthole_port'],
    ['', 7700, '1.1.1.1', 'porthole_port'],
  ];
  it.each(denied)('with %j port %i of %s is refused: %s', (allow, port, address, reason) => {
    expect(decide(allow, port, [address])).toEqual({ kind: 'deny', reason });
  });

  it('leaves only the addresses that pass, in order and once each', () => {
    expect(decide('', 80, ['10.0.0.1', '1.1.1.1', '2606:4700::1111', '::ffff:1.1.1.1', '127.0.0.1'])).toEqual({
      kind: 'allow',
      addresses: ['1.1.1.1', '2606:4700::1111'],
    });
  });
  it('gives the reason of the first address when none passes', () => {
    expect(decide('', 80, ['127.77.0.1', '10.0.0.1'])).toEqual({ kind: 'deny', reason: 'sandbox_address' });
  });
  it.each([[[]], [['localhost']], [['127.1']], [['fe80::5%eth0']]])(
    'refuses %j, which are no addresses',
    (addresses) => {
      expect(decide(everything, 80, addresses)).toEqual({ kind: 'deny', reason: 'private_address' });
    },
  );
});

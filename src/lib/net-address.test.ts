import { describe, expect, it } from 'vitest';
import { createAddressSet, isCidr, parseCidrList, toIpAddress, toIpv6Groups } from './net-address.ts';

describe('toIpAddress', () => {
  it.each([
    ['127.0.0.1', 4, '127.0.0.1'],
    ['0.0.0.0', 4, '0.0.0.0'],
    ['::1', 6, '::1'],
    ['::', 6, '::'],
    ['0:0:0:0:0:0:0:1', 6, '::1'],
    ['2001:DB8::000A', 6, '2001:db8::a'],
    ['::ffff:127.0.0.1', 4, '127.0.0.1'],
    ['::FFFF:7f00:1', 4, '127.0.0.1'],
    ['0:0:0:0:0:ffff:10.1.2.3', 4, '10.1.2.3'],
    ['64:ff9b::7f00:1', 6, '64:ff9b::7f00:1'],
  ])('reads %s', (text, family, canonical) => {
    expect(toIpAddress(text)).toEqual({ family, text: canonical });
  });
  it.each([
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '[::1]',
    'fe80::1%eth0',
    '1.2.3.4.',
    '1.2.3.256',
  ])('takes %j for no address', (text) => {
    expect(toIpAddress(text)).toBeUndefined();
  });
});

describe('toIpv6Groups', () => {
  it.each([
    ['::', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['::1', [0, 0, 0, 0, 0, 0, 0, 1]],
    ['2002:7f00:1::', [0x2002, 0x7f00, 1, 0, 0, 0, 0, 0]],
    ['1:2:3:4:5:6:7:8', [1, 2, 3, 4, 5, 6, 7, 8]],
  ])('expands %s', (text, groups) => {
    expect(toIpv6Groups(text)).toEqual(groups);
  });
});

describe('parseCidrList', () => {
  it.each([
    ['127.0.0.0/8', '127.255.255.255', true],
    ['127.0.0.0/8', '128.0.0.0', false],
    ['127.0.0.0/8', '::ffff:127.0.0.1', true],
    ['127.0.0.0/8', '::1', false],
    [' 127.0.0.0/8 , ::1/128 ', '::1', true],
    ['10.0.0.5/8', '10.9.9.9', true],
    ['192.168.1.7', '192.168.1.7', true],
    ['192.168.1.7', '192.168.1.8', false],
    ['fd00::/8', 'fdff::1', true],
    ['fd00::/8', 'fe00::1', false],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '8.8.8.8', false],
    ['::/0', 'localhost', false],
    ['', '127.0.0.1', false],
    ['  ', '127.0.0.1', false],
  ])('%j has %s: %s', (list, address, has) => {
    expect(parseCidrList(list).has(address)).toBe(has);
  });
  it.each([
    ['10.0.0.0/8,nonsense', '"nonsense"'],
    ['10.0.0.0/33', '"10.0.0.0/33"'],
    ['::/129', '"::/129"'],
    ['10.0.0.0/8,', '""'],
    ['10/8', '"10/8"'],
    ['10.0.0.0/8/9', '"10.0.0.0/8/9"'],
    ['10.0.0.0/', '"10.0.0.0/"'],
    ['10.0.0.0/-1', '"10.0.0.0/-1"'],
    ['::ffff:10.0.0.0/104', '"::ffff:10.0.0.0/104"'],
    ['fe80::%eth0/10', '"fe80::%eth0/10"'],
  ])('refuses %j and names %s', (list, named) => {
    expect(() => parseCidrList(list)).toThrow(named);
  });
});

describe('createAddressSet', () => {
  it('takes addresses that are parsed already', () => {
    expect(createAddressSet(['127.77.0.0/16']).has({ family: 4, text: '127.77.1.2' })).toBe(true);
  });
});

it.each([
  ['10.0.0.0/8', true],
  ['192.0.2.1', true],
  ['fd00::/8', true],
  ['::1', true],
  ['10.0.0.0/33', false],
  ['10.0.0/8', false],
  ['::ffff:10.0.0.0/104', false],
  ['example.com', false],
  ['', false],
])('knows whether %j is a CIDR: %j', (text, is) => {
  expect(isCidr(text)).toBe(is);
});

import { describe, expect, it } from 'vitest';
import { formatYaml, type Json } from '../../../hack/generate/yaml.ts';
import { pool } from '../../../test/support/objects.ts';
import { createAddressSet } from '../../lib/net-address.ts';
import { buildNetworkPolicy } from './network-policy.ts';

const policyOf = (allow: readonly string[] = []) =>
  buildNetworkPolicy(pool({ template: { egress: { allow } } }), 'porthole-system');

/** Whether the policy lets a sandbox connect to `address` on any port. */
function letsOut(address: string, allow: readonly string[] = []): boolean {
  const peers = (policyOf(allow).spec.egress ?? []).filter((rule) => !rule.ports).flatMap((rule) => rule.to ?? []);
  return peers.some(({ ipBlock }) => {
    if (!ipBlock) return false;
    return createAddressSet([ipBlock.cidr]).has(address) && !createAddressSet(ipBlock.except ?? []).has(address);
  });
}

describe('the network policy of a pool', () => {
  it.each([
    ['plain', []],
    ['with-egress-allow', ['10.20.0.0/16', '192.168.1.1', 'fd00::/8', 'fd12::1']],
  ])('is, %s, as it was written down', async (name, allow) => {
    const text = formatYaml(policyOf(allow) as unknown as Json);
    await expect(text).toMatchFileSnapshot(`golden/network-policy-${name}.yaml`);
  });

  it.each(['1.1.1.1', '93.184.216.34', '2606:4700::1111', '64:ff9b::101:101', '172.15.255.255', '172.32.0.1'])(
    'lets a sandbox reach %s',
    (address) => {
      expect(letsOut(address)).toBe(true);
    },
  );

  it.each([
    ...['10.1.2.3', '172.16.0.1', '192.168.0.1', '127.0.0.1', '0.0.0.0', '100.64.0.1', '224.0.0.1', '255.255.255.255'],
    ...['169.254.169.254', '168.63.129.16', '100.100.100.200'],
    ...['::1', 'fe80::1', 'fd00::1', 'fd00:ec2::254', 'ff02::1', '2001:db8::1', '2002:a00:1::', '2001::1'],
    ...['64:ff9b::a00:1', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b::a83f:8110', '64:ff9b::1'],
  ])('keeps a sandbox from %s', (address) => {
    expect(letsOut(address)).toBe(false);
  });

  it.each(['10.20.1.1', '192.168.1.1', 'fd12::1'])('lets a sandbox reach %s where the pool allows it', (address) => {
    const allow = ['10.20.0.0/16', '192.168.1.1', 'fd12::1'];
    expect(letsOut(address, allow)).toBe(true);
    expect(letsOut('192.168.1.2', allow)).toBe(false);
  });
});

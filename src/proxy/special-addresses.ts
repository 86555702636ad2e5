import { createAddressSet, toIpAddress, toIpv4, toIpv6Groups, type IpAddress } from '../lib/net-address.ts';
import * as ranges from '../lib/special-ranges.ts';

const notPublicIpv4 = createAddressSet(ranges.notPublicIpv4);
const publicIpv6 = createAddressSet(ranges.publicIpv6);
const notPublicIpv6 = createAddressSet(ranges.notPublicIpv6);

const nat64 = createAddressSet([ranges.nat64]);
const sixToFour = createAddressSet([ranges.sixToFour]);
const teredo = createAddressSet([ranges.teredo]);

export const metadataAddresses = createAddressSet(ranges.metadata);

export const loopback = createAddressSet(['127.0.0.0/8', '::1']);

/** Linux connects the unspecified addresses to the machine itself. */
export const unspecified = createAddressSet(['0.0.0.0/8', '::']);

/** The IPv4 addresses that a transition mechanism would make of `ip`: NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380). */
function embeddedTexts(ip: IpAddress): readonly string[] {
  if (ip.family === 4) return [];
  const [, a = 0, b = 0, c = 0, , , y = 0, z = 0] = toIpv6Groups(ip.text);
  if (nat64.has(ip)) return [toIpv4(y, z)];
  if (sixToFour.has(ip)) return [toIpv4(a, b)];
  return teredo.has(ip) ? [toIpv4(b, c), toIpv4(y ^ 0xffff, z ^ 0xffff)] : [];
}

/** `ip` and the IPv4 addresses that it embeds: whatever holds for one of them holds for the connection. */
export function toForms(ip: IpAddress): readonly IpAddress[] {
  return [
    ip,
    ...embeddedTexts(ip)
      .map(toIpAddress)
      .filter((form) => form !== undefined),
  ];
}

/** Whether `ip` and what it embeds are addresses of the public internet. */
export function isPublic(ip: IpAddress): boolean {
  return toForms(ip).every((form) =>
    form.family === 4 ? !notPublicIpv4.has(form) : publicIpv6.has(form) && !notPublicIpv6.has(form),
  );
}

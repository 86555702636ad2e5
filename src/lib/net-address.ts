import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** An IP address in its one canonical spelling (RFC 5952 for IPv6); an IPv4-mapped IPv6 address is an IPv4 address. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly text: string;
}

/** The sixteen bytes' eight groups of a canonical IPv6 address. */
export function toIpv6Groups(text: string): readonly number[] {
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => Number.parseInt(g, 16)));
  if (tail === undefined) return groups(head);
  const [first, last] = [groups(head), groups(tail)];
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** Two groups of an IPv6 address, read as the IPv4 address that they embed. */
export function toIpv4(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function toIpv6(text: string): IpAddress {
  // The URL parser is the canonicaliser at hand: https://url.spec.whatwg.org/#concept-ipv6-serializer
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const groups = toIpv6Groups(canonical);
  const isMapped = groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff;
  return isMapped ? { family: 4, text: toIpv4(groups[6] ?? 0, groups[7] ?? 0) } : { family: 6, text: canonical };
}

/** The address that `text` spells; undefined for a name, a shorthand such as `127.1`, or an address with a zone. */
export function toIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, text };
  return isIPv6(text) && !text.includes('%') ? toIpv6(text) : undefined;
}

/** A set of addresses, given as ranges. */
export interface AddressSet {
  /** Whether `address` lies in it; false for what is not an address. */
  has(address: string | IpAddress): boolean;
}

/**
 * The addresses of a list of CIDRs, or single addresses, of either family (RFC 4632, RFC 4291). Throws naming the part that is
 * none. IPv4-mapped IPv6 ranges are refused: write them as IPv4.
 */
export function createAddressSet(cidrs: readonly string[]): AddressSet {
  // One list a family: within one BlockList ::/0 would hold every IPv4 address too.
  const lists = { 4: new BlockList(), 6: new BlockList() };
  for (const cidr of cidrs) {
    const { family, text, bits } = parseCidr(cidr);
    lists[family].addSubnet(text, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return {
    has: (address) => {
      const ip = typeof address === 'string' ? toIpAddress(address) : address;
      return ip !== undefined && lists[ip.family].check(ip.text, ip.family === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

/** NaN when `suffix` is no number; absent, it is the whole width. */
function parsePrefixLength(suffix: string | undefined, width: number): number {
  if (suffix === undefined) return width;
  return /^\d{1,3}$/.test(suffix) ? Number(suffix) : Number.NaN;
}

function parseCidr(cidr: string): IpAddress & { readonly bits: number } {
  const [text = '', suffix, ...rest] = cidr.split('/');
  const ip = toIpAddress(text);
  const isMapped = ip?.family === 4 && text.includes(':');
  const width = ip?.family === 4 ? 32 : 128;
  const bits = parsePrefixLength(suffix, width);
  if (!ip || isMapped || rest.length > 0 || !(bits <= width)) {
    throw new Error(`"${cidr}" is not a CIDR such as 10.0.0.0/8 or fd00::/8`);
  }
  return { ...ip, bits };
}

/** Whether `text` is a CIDR or a single address, as {@link createAddressSet} takes it. */
export function isCidr(text: string): boolean {
  try {
    parseCidr(text);
    return true;
  } catch {
    return false;
  }
}

/** Comma-separated CIDRs or single addresses; blanks are ignored, an empty text is the empty set. Throws naming the bad part. */
export function parseCidrList(text: string): AddressSet {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length === 1 && parts[0] === '') return createAddressSet([]);
  return createAddressSet(parts);
}

/**
 * Which addresses are the public internet, as CIDRs. After IANA's special-purpose registries
 * (https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry), read strictly: what is not
 * globally reachable for certain is not public. The one source for whoever judges an address and for whoever writes a policy.
 */
export const notPublicIpv4: readonly string[] = [
  '0.0.0.0/8', // this network, unspecified
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, deprecated
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** The well-known NAT64 prefix: its last 32 bits are the IPv4 address that is meant (RFC 6052). */
export const nat64 = '64:ff9b::/96';
/** Embeds an IPv4 address (RFC 3056); deprecated. */
export const sixToFour = '2002::/16';
/** Embeds two IPv4 addresses (RFC 4380); deprecated. */
export const teredo = '2001::/32';

/** All of IPv6 that is given out for global unicast (RFC 4291). */
export const globalUnicast = '2000::/3';

/** IPv6 is public where it says so: global unicast, and NAT64, which stands for IPv4 hosts. */
export const publicIpv6: readonly string[] = [globalUnicast, nat64];

export const notPublicIpv6: readonly string[] = [
  // Protocol assignments (2001::/23) but for Teredo (2001::/32), which is judged by the address that it embeds.
  '2001:1::/32',
  '2001:2::/31',
  '2001:4::/30',
  '2001:8::/29',
  '2001:10::/28',
  '2001:20::/27',
  '2001:40::/26',
  '2001:80::/25',
  '2001:100::/24',
  '2001:db8::/32', // documentation
  '3fff::/20', // documentation
];

/** Where clouds keep their metadata services; 168.63.129.16 looks public but is Azure's, inside each machine. */
export const metadata: readonly string[] = [
  '169.254.169.254', // AWS, Google, Azure, OpenStack, …
  '169.254.170.2', // AWS ECS
  '169.254.170.23', // AWS EKS pod identity
  '168.63.129.16', // Azure wire server
  '100.100.100.200', // Alibaba
  '192.0.0.192', // Oracle, old
  'fd00:ec2::254', // AWS
  'fd00:ec2::23', // AWS EKS pod identity
  'fd20:ce::254', // Google
];

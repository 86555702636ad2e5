import { toIpAddress } from '../lib/net-address.ts';
import { decideEgress, type EgressPolicy } from './decide-egress.ts';
import type { DenyReason } from './egress-error.ts';
import type { Target } from './target.ts';

/** RFC 6761 section 6.3. Somebody else's resolver may know nothing of it, and Chromium would not ask one either. */
const localhost = /(^|\.)localhost\.?$/;

/**
 * Names that mean something in a cluster or a cloud's own network only. A name without a dot is completed by whoever resolves it,
 * with the name of the network that they are in.
 */
const internal = [
  /^[^.]+\.?$/,
  /\.(?:svc|local|internal|localdomain|home\.arpa|lan)\.?$/,
  /(^|\.)kubernetes\.default(\.|$)/,
  /\.svc\.[^.]+\.local\.?$/,
];

/**
 * May a target be named to an upstream proxy? Names are the upstream's to resolve; what is an address, in whatever spelling, is
 * judged as if it were connected to from here. Undefined: yes.
 */
export function decideTarget({ host, port }: Target, policy: EgressPolicy): DenyReason | undefined {
  const addresses = toIpAddress(host) ? [host] : localhost.test(host) ? ['127.0.0.1', '::1'] : undefined;
  if (addresses) {
    const verdict = decideEgress({ port, addresses, policy });
    return verdict.kind === 'deny' ? verdict.reason : undefined;
  }
  return internal.some((form) => form.test(host)) ? 'internal_name' : undefined;
}

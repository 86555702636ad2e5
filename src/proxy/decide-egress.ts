import { devtoolsPorts, localPodCidr, ports } from '../api/agent/contract.ts';
import { createAddressSet, toIpAddress, type AddressSet, type IpAddress } from '../lib/net-address.ts';
import type { DenyReason } from './egress-error.ts';
import { isPublic, loopback, metadataAddresses, toForms, unspecified } from './special-addresses.ts';

export interface EgressPolicy {
  /** What may be reached besides the public internet. */
  readonly allowed: AddressSet;
  /** TCP ports of this machine that are never reached: Porthole's own. */
  readonly deniedPorts: ReadonlySet<number>;
  /** The addresses of this machine's interfaces. */
  readonly machine: AddressSet;
}

export interface EgressQuestion {
  readonly port: number;
  /** What the host's name resolved to: every address that might be connected to. */
  readonly addresses: readonly string[];
  readonly policy: EgressPolicy;
}

export type EgressVerdict =
  | {
      readonly kind: 'allow';
      /** Canonical, in the resolver's order; connect to these and to nothing else. */
      readonly addresses: readonly string[];
    }
  | { readonly kind: 'deny'; readonly reason: DenyReason };

const localPods = createAddressSet([localPodCidr]);
const sandboxPorts: ReadonlySet<number> = new Set(Object.values(ports));

interface Candidate {
  readonly ip: IpAddress;
  readonly forms: readonly IpAddress[];
  readonly port: number;
  readonly policy: EgressPolicy;
}

function isOfThisMachine({ forms, policy }: Candidate): boolean {
  return [loopback, unspecified, policy.machine].some((set) => forms.some((form) => set.has(form)));
}

interface Rule {
  readonly reason: DenyReason;
  readonly denies: (candidate: Candidate) => boolean;
}

/** The first that denies gives the reason. All but the last hold whatever an installation allows. */
const rules: readonly Rule[] = [
  { reason: 'sandbox_address', denies: ({ forms }) => forms.some((form) => localPods.has(form)) },
  { reason: 'metadata_address', denies: ({ forms }) => forms.some((form) => metadataAddresses.has(form)) },
  // Everywhere, for on Kubernetes other sandboxes have addresses of their own that an installation may have allowed.
  { reason: 'porthole_port', denies: ({ port }) => sandboxPorts.has(port) },
  { reason: 'porthole_port', denies: (c) => c.policy.deniedPorts.has(c.port) && isOfThisMachine(c) },
  {
    reason: 'devtools_port',
    denies: (c) => c.port >= devtoolsPorts.first && c.port <= devtoolsPorts.last && isOfThisMachine(c),
  },
  { reason: 'private_address', denies: ({ ip, policy }) => !policy.allowed.has(ip) && !isPublic(ip) },
];

function judge(candidate: Candidate): DenyReason | undefined {
  return rules.find((rule) => rule.denies(candidate))?.reason;
}

/**
 * May a sandbox connect to `port` of one of `addresses`? Each is judged by itself and only those that pass are left; when none
 * is, the reason is that of the first. What is not an IP address does not pass.
 */
export function decideEgress({ port, addresses, policy }: EgressQuestion): EgressVerdict {
  const candidates = addresses
    .map((text) => toIpAddress(text))
    .filter((ip) => ip !== undefined)
    .map((ip) => ({ ip, forms: toForms(ip), port, policy }));
  const passed = candidates.filter((candidate) => judge(candidate) === undefined);
  if (passed.length > 0) return { kind: 'allow', addresses: [...new Set(passed.map(({ ip }) => ip.text))] };
  const [first] = candidates;
  return { kind: 'deny', reason: (first && judge(first)) ?? 'private_address' };
}

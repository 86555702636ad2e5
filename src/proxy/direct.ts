import type { Clock } from '../lib/clock.ts';
import { createAddressSet } from '../lib/net-address.ts';
import { localPodCidr } from '../api/agent/contract.ts';
import { decideEgress, type EgressPolicy } from './decide-egress.ts';
import { dial } from './dial.ts';
import { EgressError } from './egress-error.ts';
import type { Lookup } from './resolve.ts';
import { loopback } from './special-addresses.ts';
import type { Upstream } from './upstream.ts';

export interface DirectOptions {
  /** The sandbox's own address. */
  readonly podIp: string;
  readonly resolve: Lookup;
  /** Asked for each connection: the machine's addresses change. */
  readonly policy: () => EgressPolicy;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
}

const localPods = createAddressSet([localPodCidr]);

/**
 * Where the pod is a process of this machine, the machine's own servers see by the source address that a sandbox comes. To the
 * outside such an address would lead nowhere.
 */
export function chooseLocalAddress(podIp: string, address: string): string | undefined {
  return localPods.has(podIp) && loopback.has(address) && !address.includes(':') ? podIp : undefined;
}

/**
 * Straight to the host:
 *
 * ```
 * browser -> proxy -> web
 * browser <- proxy <- web
 * ```
 *
 * The name is resolved once, every address judged, and the connection made to a judged address itself: asking again for the
 * name would let its owner answer differently (DNS rebinding).
 */
export function createDirect({ podIp, resolve, policy, clock, connectTimeoutMs }: DirectOptions): Upstream {
  const upstream: Upstream = {
    open: async ({ host, port }, options) => {
      const verdict = decideEgress({ port, addresses: await resolve(host), policy: policy() });
      if (verdict.kind === 'deny') throw new EgressError(verdict.reason);
      return dial({
        addresses: verdict.addresses,
        port,
        localAddressFor: (address) => chooseLocalAddress(podIp, address),
        clock,
        timeoutMs: connectTimeoutMs,
        ...options,
      });
    },
    carry: () => ({ open: upstream.open, isProxied: false, headers: [], judge: () => undefined }),
  };
  return upstream;
}

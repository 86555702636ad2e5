import { lookup as systemLookup } from 'node:dns/promises';
import type { Clock } from '../lib/clock.ts';
import { toIpAddress } from '../lib/net-address.ts';
import { EgressError } from './egress-error.ts';

/** All addresses of a name, by /etc/hosts and the DNS as the system does it. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export const lookupBySystem: Lookup = async (host) => {
  const found = await systemLookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/** RFC 6761 section 6.3, as Chromium reads it: these names are this machine, and no resolver is asked. */
function isLocalhost(host: string): boolean {
  return /(^|\.)localhost\.?$/.test(host);
}

export interface ResolverOptions {
  readonly lookup: Lookup;
  readonly clock: Clock;
  /** How long a lookup may take; it cannot be taken back, but is waited for no longer. */
  readonly timeoutMs: number;
}

/**
 * The addresses of a host, which may be an address itself; never an empty list. Asks once for all who ask for the same name at
 * the same time: a page opens several connections at once. Nothing is kept: the system knows for how long an answer holds.
 */
export function createResolver({ lookup, clock, timeoutMs }: ResolverOptions): Lookup {
  const running = new Map<string, Promise<readonly string[]>>();

  const ask = async (host: string): Promise<readonly string[]> => {
    const late = Promise.withResolvers<never>();
    using _timer = clock.schedule(timeoutMs, () => late.reject(new EgressError('timeout')));
    try {
      const addresses = await Promise.race([lookup(host), late.promise]);
      if (addresses.length === 0) throw new EgressError('dns_failure');
      return addresses;
    } catch (error) {
      throw error instanceof EgressError ? error : new EgressError('dns_failure', { cause: error });
    }
  };

  return (host) => {
    if (toIpAddress(host)) return Promise.resolve([host]);
    if (isLocalhost(host)) return Promise.resolve(['127.0.0.1', '::1']);
    const asked = running.get(host) ?? ask(host).finally(() => running.delete(host));
    running.set(host, asked);
    return asked;
  };
}

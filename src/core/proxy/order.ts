import type { UpstreamOrder } from '../../api/agent/wire.ts';
import type { ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';

export interface ManagedOrder {
  readonly provider: ProxyProvider;
  /** One that the provider knows. */
  readonly location: string;
  /** Whether one upstream identity serves the whole session. */
  readonly isSticky: boolean;
  readonly sessionUid: string;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

/** Providers take letters and digits, and not too many. */
const identityLength = 12;

/** What the sandbox is told of a managed proxy. `{session}` stays: it is filled in there, for each connection. */
export function buildManagedOrder(order: ManagedOrder): UpstreamOrder {
  const { provider, location, credentials, isSticky, sessionUid } = order;
  const { locations, allowInternal, caBundle } = provider.spec;
  const fillings = { location, username: credentials?.username ?? '', password: credentials?.password ?? '' };
  const template = (locations[location] ?? '').replaceAll(/\{(location|username|password)\}/g, (_, name: string) =>
    encodeURIComponent(fillings[name as keyof typeof fillings]),
  );
  return {
    template,
    ...(isSticky && { identity: sessionUid.replaceAll('-', '').slice(0, identityLength) }),
    isInternalAllowed: allowInternal,
    ...(caBundle !== undefined && { ca: caBundle }),
  };
}

/** Of a URL that a session's own Secret holds; undefined when it is no URL of a proxy. */
export function buildRawOrder(url: string): UpstreamOrder | undefined {
  const [, scheme, rest = ''] = /^([a-z0-9]+):\/\/(.+)$/is.exec(url) ?? [];
  const isProxy = ['http', 'https', 'socks4', 'socks5'].includes((scheme ?? '').toLowerCase());
  return isProxy && URL.canParse(`http://${rest}`) ? { template: url, isInternalAllowed: false } : undefined;
}

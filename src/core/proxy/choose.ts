import type { ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';
import { isWellFormed } from '../acceptance/provider.ts';

/** A managed proxy as a session asks for it. */
export interface ProxyWish {
  readonly location?: string | undefined;
  readonly provider?: string | undefined;
}

export type ProxyChoice =
  | { readonly kind: 'chosen'; readonly provider: ProxyProvider; readonly location: string }
  /** The message lists what there is. */
  | { readonly kind: 'unknown'; readonly field: keyof ProxyWish; readonly message: string };

const byName = (a: ProxyProvider, b: ProxyProvider): number => a.metadata.name.localeCompare(b.metadata.name);
const locationsOf = (providers: readonly ProxyProvider[]): string[] =>
  [...new Set(providers.flatMap(({ spec }) => Object.keys(spec.locations)))].sort();

function unknown(field: keyof ProxyWish, value: string, known: readonly string[]): ProxyChoice {
  const choice = known.length > 0 ? `known are: ${known.join(', ')}` : 'none is configured';
  return { kind: 'unknown', field, message: value === '' ? choice : `unknown ${field} "${value}"; ${choice}` };
}

/**
 * The provider and the location that serve a wish: what it names; else of the providers that know the location the first by name, and
 * of a provider's locations the first by name. Providers whose templates are no URLs are as good as not there.
 */
export function chooseProxy(all: readonly ProxyProvider[], wish: ProxyWish): ProxyChoice {
  const providers = all.filter(({ spec }) => isWellFormed(spec)).sort(byName);
  const named = providers.filter(({ metadata }) => wish.provider === undefined || metadata.name === wish.provider);
  if (named.length === 0)
    return unknown(
      'provider',
      wish.provider ?? '',
      providers.map(({ metadata }) => metadata.name),
    );
  const location = wish.location ?? locationsOf(named)[0] ?? '';
  const provider = named.find(({ spec }) => Object.hasOwn(spec.locations, location));
  return provider ? { kind: 'chosen', provider, location } : unknown('location', location, locationsOf(named));
}

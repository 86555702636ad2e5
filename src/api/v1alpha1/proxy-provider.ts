import { z } from 'zod';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { atomicMap, stringMap } from './crd.ts';
import { apiVersion } from './group.ts';
import { acceptance, admitSpec, objectName, unobserved } from './kind.ts';

export const proxyProviderSpec = z
  .strictObject({
    locations: stringMap(z.string().max(1024), { maxEntries: 512, minKeyLength: 1, maxKeyLength: 63 }).describe(
      'Location → upstream URL template; {username} {password} {location} {session} are filled in.',
    ),
    credentialsSecretRef: z
      .strictObject({ name: objectName.describe('Name of the Secret in the same namespace.') })
      .meta(atomicMap)
      .optional()
      .describe('A Secret with the keys username and password.'),
    caBundle: z
      .string()
      .max(65_536)
      .optional()
      .describe('PEM certificates that https upstreams may be signed by; absent: the well-known authorities.'),
    allowInternal: z
      .boolean()
      .default(false)
      .describe(
        'Whether the upstreams may be at private addresses. Where NetworkPolicy is enforced, upstreamAllow of the pools must have them too.',
      ),
  })
  .describe('Where managed proxies are and how to log in there.');
export type ProxyProviderSpec = z.infer<typeof proxyProviderSpec>;

export const proxyProviderStatus = acceptance('What Porthole makes of the provider.');
export type ProxyProviderStatus = z.infer<typeof proxyProviderStatus>;

export interface ProxyProvider extends StoredObject {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'ProxyProvider';
  readonly spec: ProxyProviderSpec;
  readonly status?: ProxyProviderStatus;
}

export const proxyProviders: Resource<ProxyProvider> = {
  apiVersion,
  kind: 'ProxyProvider',
  plural: 'proxyproviders',
  hasStatus: true,
  initialStatus: unobserved,
  admit: admitSpec(proxyProviderSpec),
};

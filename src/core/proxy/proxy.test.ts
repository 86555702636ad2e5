import { describe, expect, it } from 'vitest';
import type { ProxyProvider, ProxyProviderSpec } from '../../api/v1alpha1/proxy-provider.ts';
import { chooseProxy } from './choose.ts';
import { buildManagedOrder, buildRawOrder } from './order.ts';
import { redactProxyUrl } from './redact.ts';

const provider = (name: string, spec: Partial<ProxyProviderSpec>): ProxyProvider => ({
  apiVersion: 'porthole.dev/v1alpha1',
  kind: 'ProxyProvider',
  metadata: { name, namespace: 'n', uid: name, resourceVersion: '1', creationTimestamp: '' },
  spec: { locations: {}, allowInternal: false, ...spec },
});
const acme = provider('acme', {
  locations: {
    de: 'http://{username}-{location}-{session}:{password}@p.example.com:3128',
    us: 'http://us.example.com',
  },
  credentialsSecretRef: { name: 'acme' },
});
const other = provider('other', { locations: { de: 'socks5://o.example.com', jp: 'socks5://j.example.com' } });
const broken = provider('broken', { locations: { aa: 'nonsense' } });
const all = [other, broken, acme];

describe('the choice of a managed proxy', () => {
  it.each([
    [{}, 'acme', 'de'],
    [{ location: 'jp' }, 'other', 'jp'],
    [{ location: 'de' }, 'acme', 'de'],
    [{ provider: 'other' }, 'other', 'de'],
    [{ provider: 'other', location: 'jp' }, 'other', 'jp'],
  ])('%j is served by %s in %s', (wish, name, location) => {
    expect(chooseProxy(all, wish)).toMatchObject({ kind: 'chosen', provider: { metadata: { name } }, location });
  });

  it.each([
    [{ provider: 'x' }, 'provider', 'unknown provider "x"; known are: acme, other'],
    [{ provider: 'broken' }, 'provider', 'unknown provider "broken"; known are: acme, other'],
    [{ location: 'fr' }, 'location', 'unknown location "fr"; known are: de, jp, us'],
    [{ provider: 'acme', location: 'jp' }, 'location', 'unknown location "jp"; known are: de, us'],
    [{ location: 'toString' }, 'location', 'unknown location "toString"; known are: de, jp, us'],
  ])('%j is refused at %s with what there is', (wish, field, message) => {
    expect(chooseProxy(all, wish)).toEqual({ kind: 'unknown', field, message });
  });

  it('says that nothing is configured', () => {
    expect(chooseProxy([broken], {})).toMatchObject({ field: 'provider', message: 'none is configured' });
  });
});

describe('what the sandbox is told', () => {
  const sessionUid = '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11';
  const credentials = { username: 'me', password: 'p@ss:/word' };
  const managed = { provider: acme, location: 'de', sessionUid, credentials };

  it('has the credentials filled in, percent-encoded, and the place of the identity left', () => {
    const { template, identity } = buildManagedOrder({ ...managed, isSticky: false });
    expect(template).toBe('http://me-de-{session}:p%40ss%3A%2Fword@p.example.com:3128');
    expect(identity).toBeUndefined();
  });

  it('has one identity for a sticky session, the same each time it is asked', () => {
    const orders = [1, 2].map(() => buildManagedOrder({ ...managed, isSticky: true }).identity);
    expect(orders).toEqual(['3f0e2b526c0b', '3f0e2b526c0b']);
  });

  it('does not fill in what a password looks like', () => {
    const tricky = { username: '{password}', password: '{session}' };
    const { template } = buildManagedOrder({ ...managed, credentials: tricky, isSticky: false });
    expect(template).toBe('http://%7Bpassword%7D-de-{session}:%7Bsession%7D@p.example.com:3128');
  });

  it.each(['ws://x/?token=t', 'x', '', 'http://', 'ftp://h:1'])('is never %j', (url) => {
    expect(buildRawOrder(url)).toBeUndefined();
  });
});

it.each([
  ['http://u:p@h:1', 'http://u:***@h:1'],
  ['socks5://token:@h:1', 'socks5://***@h:1'],
  ['socks4://user@h:1', 'socks4://***@h:1'],
  ['https://h:1', 'https://h:1'],
  ['http://u:a:b@h:1', 'http://u:***@h:1'],
  ['nonsense with p@ss@word', '***'],
])('%s is shown as %s', (url, shown) => {
  expect(redactProxyUrl(url)).toBe(shown);
});

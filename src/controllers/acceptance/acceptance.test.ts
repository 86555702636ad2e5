import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { patience } from '../../../test/support/patience.ts';
import { browserExtensions, type BrowserExtension } from '../../api/v1alpha1/browser-extension.ts';
import { browserAccounts } from '../../api/v1alpha1/browser-account.ts';
import { apiVersion } from '../../api/v1alpha1/group.ts';
import type { Acceptance } from '../../api/v1alpha1/kind.ts';
import { proxyProviders, type ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import { extensionBlobKey } from '../../core/extension/blob-key.ts';
import type { NewObject, StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const says = <T extends StoredObject & { readonly status?: Acceptance }>(
  resource: Resource<T>,
  ...expected: string[]
) =>
  vi.waitFor(async () => {
    const { status, metadata } = (await bench.store.get(resource, named('x'))) ?? {};
    expect(status?.conditions?.map((c) => `${c.type}=${c.status} ${c.reason}`)).toEqual(expected);
    expect(status?.observedGeneration).toBe(metadata?.generation);
  }, patience);

it('a provider says whether it is accepted, and again after an edit', async () => {
  const spec = { locations: { de: 'nonsense' }, allowInternal: false };
  const provider = { apiVersion, kind: 'ProxyProvider', metadata: named('x'), spec };
  await bench.store.create(proxyProviders, provider as NewObject<ProxyProvider>);
  await says(proxyProviders, 'Ready=False InvalidTemplate', 'Stalled=True InvalidTemplate');
  await bench.store.patch(proxyProviders, named('x'), {
    spec: { allowInternal: false, locations: { de: 'http://proxy.example.com' } },
  });
  await says(proxyProviders, 'Ready=True Accepted');
});

it('an extension says whether its account and its bytes exist, as they come and go', async () => {
  const spec = { accountRef: { name: 'a' }, name: 'x', version: '1', sha256: 'a'.repeat(64), size: 1 };
  const extension = { apiVersion, kind: 'BrowserExtension', metadata: named('x'), spec };
  await bench.store.create(browserExtensions, extension as NewObject<BrowserExtension>);
  await says(browserExtensions, 'Ready=False AccountNotFound', 'Reconciling=True AccountNotFound');
  await bench.account();
  await says(browserExtensions, 'Ready=False BlobMissing', 'Reconciling=True BlobMissing');
  await bench.blobs.put(extensionBlobKey(spec.sha256), Buffer.from('x'));
  // Any change makes it look again; else it does by itself after a while.
  await bench.store.patch(browserExtensions, named('x'), { spec: { version: '2' } });
  await says(browserExtensions, 'Ready=True Accepted');
  await bench.store.delete(browserAccounts, named('a'));
  await says(browserExtensions, 'Ready=False AccountNotFound', 'Reconciling=True AccountNotFound');
});

it('an extension says so when the blob store does not answer, and forgets it when it does', async () => {
  const head = bench.blobs.head.bind(bench.blobs);
  bench.blobs.head = () => Promise.reject(new BlobError('Unavailable', 'no answer'));
  const spec = { accountRef: { name: 'a' }, name: 'x', version: '1', sha256: 'a'.repeat(64), size: 1 };
  const extension = { apiVersion, kind: 'BrowserExtension', metadata: named('x'), spec };
  await bench.account();
  await bench.store.create(browserExtensions, extension as NewObject<BrowserExtension>);
  await says(browserExtensions, 'Ready=False BlobStoreUnavailable', 'Reconciling=True BlobStoreUnavailable');
  bench.blobs.head = head;
  await bench.store.patch(browserExtensions, named('x'), { spec: { version: '2' } });
  await says(browserExtensions, 'Ready=False BlobMissing', 'Reconciling=True BlobMissing');
});

it('an account says that it is accepted', async () => {
  await bench.account();
  await vi.waitFor(async () => {
    const { status } = (await bench.store.get(browserAccounts, named('a'))) ?? {};
    expect(status).toMatchObject({ observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True' }] });
  }, patience);
});

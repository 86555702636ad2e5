import type { Condition } from '../../api/v1alpha1/kind.ts';
import { browserExtensions, type BrowserExtension } from '../../api/v1alpha1/browser-extension.ts';
import { proxyProviders } from '../../api/v1alpha1/proxy-provider.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { judgeExtension } from '../../core/acceptance/extension.ts';
import { extensionBlobKey } from '../../core/extension/blob-key.ts';
import { judgeProvider } from '../../core/acceptance/provider.ts';
import { acceptanceStatus, type Accepted, type AcceptanceVerdict } from '../../core/acceptance/status.ts';
import type { Controller } from '../../kube/controller/controller.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import type { Informer, Reconcile } from '../../kube/controller/port.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { isSaid } from '../is-said.ts';
import { indexes, type World } from '../world.ts';

export interface AcceptanceOptions {
  readonly store: Store;
  readonly world: Pick<World, 'accounts' | 'providers' | 'extensions'>;
  readonly blobs: BlobStore;
  readonly namespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly controller: (name: string, reconcile: Reconcile, concurrency: number) => Controller;
}

/** Kinds that sessions only refer to: their status says whether what the schema cannot check is in order. */
export function startAcceptance(options: AcceptanceOptions): AsyncDisposable {
  const { world, controller } = options;
  const { providers, extensions } = world;

  const providerQueue = controller(
    'provider',
    (key) => say(options, { resource: proxyProviders, informer: providers, judge: (p) => judgeProvider(p.spec) }, key),
    1,
  );
  const hasAccount = ({ metadata, spec }: BrowserExtension): boolean =>
    world.accounts.get({ namespace: metadata.namespace, name: spec.accountRef.name }) !== undefined;
  const judge = async (extension: BrowserExtension): Promise<AcceptanceVerdict> => {
    const hasBlob = await hasBlobOf(options, extension);
    return judgeExtension({ hasAccount: hasAccount(extension), hasBlob });
  };
  const extensionQueue = controller(
    'extension',
    (key) => say(options, { resource: browserExtensions, informer: extensions, judge }, key),
    1,
  );
  providers.onChange(({ object }) => providerQueue.add(object.metadata));
  providers.synced.then(
    () => {
      for (const { metadata } of providers.list()) providerQueue.add(metadata);
    },
    () => undefined,
  );
  // Without the accounts, every one of them would look as if it had none.
  Promise.all([extensions.synced, world.accounts.synced]).then(
    () => {
      extensions.onChange(({ object }) => extensionQueue.add(object.metadata));
      world.accounts.onChange(({ type, object }) => {
        if (type === 'changed') return;
        for (const { metadata } of extensions.byIndex(indexes.account, object.metadata.name))
          extensionQueue.add(metadata);
      });
      for (const { metadata } of extensions.list()) extensionQueue.add(metadata);
    },
    () => undefined,
  );
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([providerQueue, extensionQueue].map((queue) => queue[Symbol.asyncDispose]()));
    },
  };
}

async function hasBlobOf(
  { blobs, logger }: AcceptanceOptions,
  { spec }: BrowserExtension,
): Promise<boolean | 'unknown'> {
  try {
    return (await blobs.head(extensionBlobKey(spec.sha256))) !== undefined;
  } catch (err) {
    if (!(err instanceof BlobError)) throw err;
    logger.warn({ err }, 'the blob store does not answer');
    return 'unknown';
  }
}

interface Judged<T extends Accepted> {
  readonly resource: Resource<T>;
  readonly informer: Informer<T>;
  readonly judge: (object: T) => AcceptanceVerdict | Promise<AcceptanceVerdict>;
}

/** A blob store tells nobody what is put into it. */
const blobAgainMs = 5_000;
const isWaitingForBlob = ({ reason }: Condition): boolean =>
  reason === 'BlobMissing' || reason === 'BlobStoreUnavailable';

async function say<T extends Accepted>(
  { store, clock }: AcceptanceOptions,
  { resource, informer, judge }: Judged<T>,
  key: ObjectKey,
): Promise<Outcome> {
  const object = informer.get(key);
  if (!object) return settled;
  const status = acceptanceStatus(object, await judge(object), clock.now());
  const next = (status.conditions ?? []).some(isWaitingForBlob)
    ? lookAgain(blobAgainMs, 'it may be uploaded')
    : settled;
  if (isSaid(object.status, status)) return next;
  await store.patchStatus(resource, key, { ...status }, { uid: object.metadata.uid }).catch((error: unknown) => {
    if (!isStoreError(error, 'NotFound', 'Conflict')) throw error;
  });
  return next;
}

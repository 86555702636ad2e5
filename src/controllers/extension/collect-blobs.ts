import { browserExtensions } from '../../api/v1alpha1/browser-extension.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { extensionBlobKey, extensionBlobs, sha256OfBlobKey } from '../../core/extension/blob-key.ts';
import type { Controller } from '../../kube/controller/controller.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import type { Reconcile } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { indexes, type World } from '../world.ts';

export interface BlobCollectionOptions {
  readonly store: Store;
  readonly world: Pick<World, 'extensions'>;
  readonly blobs: BlobStore;
  readonly namespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this operator still is the only one. */
  readonly mayGrant: () => boolean;
  readonly controller: (name: string, reconcile: Reconcile, concurrency: number) => Controller;
}

/**
 * Bytes that were put so lately are somebody's who is about to say so: an upload puts them anew, whoever has them already, before it
 * makes the object that names them. No upload takes so long between the two.
 */
export const youngMs = 10 * 60_000;

/**
 * Bytes that no extension names any more are removed; and those of uploads that died half-way, found when the operator starts. One hash is
 * looked at by one reconcile at a time.
 */
export function startBlobCollection(options: BlobCollectionOptions): AsyncDisposable {
  const { world, blobs, namespace, logger, controller } = options;
  const queue = controller('extension-blob', ({ name }) => collectBlob(options, name), 4);
  const look = (sha256: string): void => queue.add({ namespace, name: sha256 });
  const lookAtAll = async (): Promise<void> => {
    await world.extensions.synced;
    world.extensions.onChange((change) => {
      if (change.type === 'deleted') look(change.object.spec.sha256);
      if (change.type === 'changed') look(change.previous.spec.sha256);
    });
    for await (const { key } of blobs.list(extensionBlobs)) {
      const sha256 = sha256OfBlobKey(key);
      if (sha256 !== undefined && !isNamed(options, sha256)) look(sha256);
    }
  };
  lookAtAll().catch((err: unknown) => {
    logger.warn({ err }, 'the blob store could not be listed: what nobody names stays until the next start');
  });
  return queue;
}

const isNamed = ({ world }: Pick<BlobCollectionOptions, 'world'>, sha256: string): boolean =>
  world.extensions.byIndex(indexes.sha256, sha256).length > 0;

async function collectBlob(options: BlobCollectionOptions, sha256: string): Promise<Outcome> {
  const { store, blobs, namespace, clock, mayGrant } = options;
  if (isNamed(options, sha256)) return settled;
  const key = extensionBlobKey(sha256);
  const blob = await blobs.head(key);
  if (!blob) return settled;
  const ageMs = clock.now() - blob.modifiedAtMs;
  if (ageMs < youngMs) return lookAgain(youngMs - ageMs, 'it may be that somebody is about to name it');
  // The watch may lag behind: the store itself has the last word.
  const { items } = await store.list(browserExtensions, { namespace });
  if (items.some(({ spec }) => spec.sha256 === sha256) || !mayGrant()) return settled;
  await blobs.delete(key);
  return settled;
}

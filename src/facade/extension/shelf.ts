import { createHash } from 'node:crypto';
import type { ExtensionView } from '../../api/rest/extension.ts';
import { Problem } from '../../api/rest/problem.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import {
  browserExtensions,
  maxPermissionLength,
  maxPermissions,
  type BrowserExtension,
  type BrowserExtensionSpec,
} from '../../api/v1alpha1/browser-extension.ts';
import { apiVersion, labels } from '../../api/v1alpha1/group.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { extensionBlobKey } from '../../core/extension/blob-key.ts';
import type { Inspection } from '../../extensions/inspect.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { parseTime } from '../../lib/time.ts';

export interface ShelfOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly blobs: BlobStore;
}

export interface Placed {
  readonly extension: BrowserExtension;
  /** Whether this very call made it. */
  readonly isNew: boolean;
}

export interface PlaceInput {
  readonly account: BrowserAccount;
  readonly bytes: Buffer;
  readonly inspection: Inspection;
}

/** The extensions of accounts: objects in the store, their bytes in the blob store. */
export interface ExtensionShelf {
  /** The account's extension of these bytes, made when it has none. Throws sandbox_failed when the blob store does not answer. */
  place(input: PlaceInput): Promise<Placed>;
  /** Throws not_found for whatever the account does not have, all alike. */
  find(id: string, account: BrowserAccount): Promise<BrowserExtension>;
  /** Which of the ids the account does not have. */
  findUnknown(ids: readonly string[], account: BrowserAccount): Promise<readonly string[]>;
  /** Oldest first. */
  list(account: BrowserAccount): Promise<readonly BrowserExtension[]>;
  /** Throws not_found. Of several at once exactly one succeeds. */
  remove(id: string, account: BrowserAccount): Promise<void>;
}

/** What an object may be called: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
const nameForm = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const longestLabel = 63;

/** The same bytes of the same account have the same name, so that two uploads at once are one extension; from no name can one be guessed. */
export function extensionName(account: BrowserAccount, sha256: string): string {
  const text = `${account.metadata.uid}\n${sha256}`;
  return `ext-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

const cut = (permissions: readonly string[]): string[] =>
  permissions.slice(0, maxPermissions).map((permission) => permission.slice(0, maxPermissionLength));

function specOf({ metadata }: BrowserAccount, inspection: Inspection): BrowserExtensionSpec {
  const { name, version, sha256, size, manifestVersion, permissions, hostPermissions, chromiumId } = inspection;
  const listed = { permissions: cut(permissions), hostPermissions: cut(hostPermissions) };
  return { accountRef: { name: metadata.name }, name, version, sha256, size, manifestVersion, ...listed, chromiumId };
}

export function toExtensionView({ metadata, spec }: BrowserExtension): ExtensionView {
  return {
    id: metadata.name,
    name: spec.name,
    version: spec.version,
    manifestVersion: spec.manifestVersion ?? 3,
    size: spec.size,
    sha256: spec.sha256,
    permissions: [...(spec.permissions ?? [])],
    hostPermissions: [...(spec.hostPermissions ?? [])],
    chromiumId: spec.chromiumId ?? '',
    createdAt: parseTime(metadata.creationTimestamp) ?? 0,
  };
}

const unknownExtension = (): Problem => new Problem('not_found', 'This account has no extension of that id.');

const byAge = (a: BrowserExtension, b: BrowserExtension): number => {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp} ${metadata.name}`);
  return (left ?? '') < (right ?? '') ? -1 : 1;
};

async function orUnavailable<T>(attempt: Promise<T>): Promise<T> {
  try {
    return await attempt;
  } catch (cause) {
    if (!(cause instanceof BlobError)) throw cause;
    throw new Problem('blobs_unavailable', 'The store of extensions does not answer; try again.', { cause });
  }
}

async function createOrAdopt(store: Store, wanted: NewObject<BrowserExtension>): Promise<Placed> {
  for (;;) {
    try {
      return { extension: await store.create(browserExtensions, wanted), isNew: true };
    } catch (error) {
      if (!isStoreError(error, 'AlreadyExists')) throw error;
    }
    const existing = await store.get(browserExtensions, wanted.metadata);
    if (existing) return { extension: existing, isNew: false };
  }
}

export function createExtensionShelf({ store, namespace, blobs }: ShelfOptions): ExtensionShelf {
  const list = async ({ metadata }: BrowserAccount): Promise<readonly BrowserExtension[]> => {
    const { items } = await store.list(browserExtensions, { namespace });
    return items.filter(({ spec }) => spec.accountRef.name === metadata.name).toSorted(byAge);
  };
  const lookUp = async (id: string, { metadata }: BrowserAccount): Promise<BrowserExtension | undefined> => {
    const found = nameForm.test(id) ? await store.get(browserExtensions, { namespace, name: id }) : undefined;
    return found?.spec.accountRef.name === metadata.name ? found : undefined;
  };
  const find: ExtensionShelf['find'] = async (id, account) => {
    const found = await lookUp(id, account);
    if (!found) throw unknownExtension();
    return found;
  };
  return {
    find,
    list,
    findUnknown: async (ids, account) => {
      const found = await Promise.all(ids.map((id) => lookUp(id, account)));
      return ids.filter((_, i) => !found[i]);
    },
    place: async ({ account, bytes, inspection }) => {
      const key = extensionBlobKey(inspection.sha256);
      // Anew each time: the operator leaves alone what was put lately, though nobody names it yet.
      await orUnavailable(blobs.put(key, bytes));
      const named = (await list(account)).find(({ spec }) => spec.sha256 === inspection.sha256);
      const { name: accountName } = account.metadata;
      const placed = named
        ? { extension: named, isNew: false }
        : await createOrAdopt(store, {
            apiVersion,
            kind: 'BrowserExtension',
            metadata: {
              name: extensionName(account, inspection.sha256),
              namespace,
              ...(accountName.length > longestLabel ? {} : { labels: { [labels.account]: accountName } }),
            },
            spec: specOf(account, inspection),
          });
      // Whatever was removed while nobody named it yet is there again; from here on it is named.
      if (!(await orUnavailable(blobs.head(key)))) await orUnavailable(blobs.put(key, bytes));
      return placed;
    },
    remove: async (id, account) => {
      const { metadata } = await find(id, account);
      try {
        await store.delete(browserExtensions, metadata, { uid: metadata.uid });
      } catch (error) {
        if (isStoreError(error, 'NotFound', 'Conflict')) throw unknownExtension();
        throw error;
      }
    },
  };
}

import type { NewObject, ObjectKey, StoredObject } from '../lib/object-meta.ts';
import type { Resource } from '../lib/resource.ts';

/** Equality selectors only: `{ app: 'x' }` is `app=x`. */
export type Selector = Readonly<Record<string, string>>;

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labels?: Selector;
  readonly fields?: Selector;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  /** Where a watch must start so that it misses nothing. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** Ends the watch; the iteration then ends without an error. */
  readonly signal: AbortSignal;
}

/**
 * Events of one watch come in the order of the writes. With a selector, an object that stops matching is DELETED, one that
 * starts matching is ADDED (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** A write that names what it expects: another uid or resourceVersion is a Conflict. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface DeleteOptions extends Preconditions {
  /** Overrides the object's own; 0 removes it now, which for a Pod only its node should ask for. */
  readonly gracePeriodSeconds?: number;
}

export interface ApplyOptions {
  /** Who owns the fields that are given: https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
  readonly fieldManager: string;
  /** Takes fields over that another manager owns; default true, as a controller should. False: they are a Conflict. */
  readonly force?: boolean;
}

/** JSON merge patch (RFC 7386): null removes a member, arrays are replaced whole. */
export type MergePatch = Readonly<Record<string, unknown>>;

/**
 * Where objects live: the API server on Kubernetes, the process in embedded mode. Semantics are Kubernetes' own
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/); every failure is a {@link StoreError}. Objects handed
 * out are shared and must not be changed. `test/contract/store.ts` says what an implementation must do.
 */
export interface Store {
  /** Undefined when there is none. A consistent read. */
  get<T extends StoredObject>(resource: Resource<T>, key: ObjectKey): Promise<T | undefined>;
  list<T extends StoredObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /** AlreadyExists when the name is taken; Invalid with problems when the schema refuses it. A status given is dropped. */
  create<T extends StoredObject>(resource: Resource<T>, object: NewObject<T>): Promise<T>;
  /** Replaces all but status. Conflict unless `metadata.resourceVersion` is the stored one. */
  update<T extends StoredObject>(resource: Resource<T>, object: T): Promise<T>;
  /** Merges into all but status. */
  patch<T extends StoredObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: MergePatch,
    expect?: Preconditions,
  ): Promise<T>;
  /** Merges `status` into the stored status, which is made when absent. The only way to write status. */
  patchStatus<T extends StoredObject>(
    resource: Resource<T>,
    key: ObjectKey,
    status: MergePatch,
    expect?: Preconditions,
  ): Promise<T>;
  /**
   * Server-side apply (https://kubernetes.io/docs/reference/using-api/server-side-apply/): makes the object, or sees to it that
   * all the fields given are so. What this manager applied before and now leaves out goes, unless another owns it too. A
   * status given is dropped. Costs the server more than a patch: not for the hot path.
   */
  apply<T extends StoredObject>(resource: Resource<T>, object: NewObject<T>, options: ApplyOptions): Promise<T>;
  /** NotFound when there is none. An object with finalizers or a grace period gets a deletionTimestamp first. */
  delete<T extends StoredObject>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /** Throws Expired when `resourceVersion` is too old: list again. */
  watch<T extends StoredObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
}

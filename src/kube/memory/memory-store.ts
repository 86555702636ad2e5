import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NewObject, ObjectKey, StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import type {
  DeleteOptions,
  ListOptions,
  MergePatch,
  ObjectList,
  Preconditions,
  Store,
  WatchEvent,
  WatchOptions,
} from '../store.ts';
import { StoreError } from '../store-error.ts';
import { Collector } from './collector.ts';
import { Objects, type Located } from './objects.ts';
import { createMatcher } from './selector.ts';
import { loadSnapshot, SnapshotWriter, type LoadedSnapshot } from './snapshot.ts';
import type { AnyResource } from './table.ts';
import { LogWatch, parseVersion, type WatchStart } from './watch.ts';
import {
  createObject,
  deleteObject,
  notFound,
  patchObject,
  patchObjectStatus,
  replaceObject,
  type WriteContext,
} from './writes.ts';

export interface SnapshotOptions {
  /** Written with mode 0600 by way of a temporary file beside it; its folder must exist. */
  readonly file: string;
  /** The kinds that are kept, by plural; each must be among the store's `resources`. */
  readonly plurals: readonly string[];
  readonly logger: Logger;
}

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** The kinds that the snapshot may hold. Other kinds become known by being used. */
  readonly resources?: readonly AnyResource[];
  /** Absent: nothing outlives the process. */
  readonly snapshot?: SnapshotOptions;
  /** How many writes of each kind a watch can go back before it is Expired; default 4096. */
  readonly historySize?: number;
}

/** Disposing flushes the snapshot and ends all watches; calls after that are Unavailable. */
export interface MemoryStore extends Store, AsyncDisposable {}

/** A Store in the process. Throws when the snapshot file cannot be read. */
export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  return new InProcessStore(options);
}

class InProcessStore implements MemoryStore {
  readonly #objects: Objects;
  readonly #context: WriteContext;
  readonly #collector: Collector;
  readonly #snapshot: SnapshotWriter | undefined;
  #closed = false;

  constructor({ clock, resources = [], snapshot, historySize = 4096 }: MemoryStoreOptions) {
    const loaded = snapshot && loadSnapshot(snapshot, resources);
    this.#objects = new Objects({
      startVersion: loaded?.version ?? 0,
      historySize,
      onWrite: (written) => {
        this.#collector.onWrite(written);
        this.#snapshot?.onWrite(written);
      },
    });
    this.#context = { objects: this.#objects, clock };
    this.#collector = new Collector(this.#context);
    this.#restore(loaded?.objects ?? []);
    this.#snapshot = snapshot && this.#createWriter(snapshot, resources);
  }

  #restore(left: LoadedSnapshot['objects']): void {
    const located = left.map(({ resource, object }) => ({ table: this.#objects.table(resource), object }));
    for (const { table, object } of located) this.#objects.restore(table, object);
    // Only now, since an owner may have been restored after its dependents.
    for (const { table, object } of located) this.#collector.onWrite({ table, after: object });
  }

  #createWriter(snapshot: SnapshotOptions, resources: readonly AnyResource[]): SnapshotWriter {
    const kept = resources.filter(({ plural }) => snapshot.plurals.includes(plural));
    const tables = kept.map((resource) => this.#objects.table(resource));
    return new SnapshotWriter({ ...snapshot, tables, ...this.#context });
  }

  get<T extends StoredObject>(resource: Resource<T>, key: ObjectKey): Promise<T | undefined> {
    return this.#run(() => this.#objects.table(resource).get(key) as T | undefined);
  }

  list<T extends StoredObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    return this.#run(() => {
      const items = this.#objects.table(resource).list(options.namespace).filter(createMatcher(resource, options));
      return { items: items as unknown as readonly T[], resourceVersion: String(this.#objects.version) };
    });
  }

  create<T extends StoredObject>(resource: Resource<T>, object: NewObject<T>): Promise<T> {
    // NewObject<T> keeps apiVersion and kind of T, which the compiler cannot see through Omit.
    return this.#write(() => createObject(this.#context, resource, object as unknown as StoredObject));
  }

  update<T extends StoredObject>(resource: Resource<T>, object: T): Promise<T> {
    return this.#write(() => replaceObject(this.#context, this.#find(resource, object.metadata), object));
  }

  patch<T extends StoredObject>(
    resource: Resource<T>,
    key: ObjectKey,
    ...[patch, expect = {}]: [MergePatch, Preconditions?]
  ): Promise<T> {
    return this.#write(() => patchObject(this.#context, this.#find(resource, key), { patch, expect }));
  }

  patchStatus<T extends StoredObject>(
    resource: Resource<T>,
    key: ObjectKey,
    ...[patch, expect = {}]: [MergePatch, Preconditions?]
  ): Promise<T> {
    return this.#write(() => patchObjectStatus(this.#context, this.#find(resource, key), { patch, expect }));
  }

  /**
   * Creates, or merges what is given: an approximation. Who owns a field is not kept, so nothing conflicts, what a manager no
   * longer applies stays, and lists are replaced whole.
   */
  apply<T extends StoredObject>(resource: Resource<T>, object: NewObject<T>): Promise<T> {
    const given = object as unknown as StoredObject;
    return this.#write(() => {
      const table = this.#objects.table(resource);
      const stored = table.get(given.metadata);
      if (!stored) return createObject(this.#context, resource, given);
      const change = { patch: given as unknown as MergePatch, expect: {} };
      return patchObject(this.#context, { table, object: stored }, change);
    });
  }

  delete<T extends StoredObject>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions): Promise<void> {
    return this.#run(() => deleteObject(this.#context, this.#find(resource, key), options));
  }

  watch<T extends StoredObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    // Not before the iteration, since that is where a caller expects to catch what goes wrong.
    const begin = (): WatchStart => this.#startWatch(resource, options);
    return {
      [Symbol.asyncIterator]: () => new LogWatch(begin, options.signal) as unknown as AsyncIterator<WatchEvent<T>>,
    };
  }

  #startWatch(resource: AnyResource, options: WatchOptions): WatchStart {
    const fromVersion = parseVersion(options.resourceVersion);
    // A version from the future is from another life of the store, whose objects are not these.
    if (fromVersion > this.#objects.version) throw new StoreError('Expired', 'unknown resource version: list again');
    const matches = createMatcher(resource, options);
    const { log } = this.#objects.table(resource);
    return { log, fromVersion, matches, clock: this.#context.clock, currentVersion: () => this.#objects.version };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#collector[Symbol.dispose]();
    this.#objects.close();
    await this.#snapshot?.[Symbol.asyncDispose]();
  }

  #find(resource: AnyResource, key: ObjectKey): Located {
    const table = this.#objects.table(resource);
    const object = table.get(key);
    if (!object) throw notFound(resource, key);
    return { table, object };
  }

  #write<T extends StoredObject>(write: () => StoredObject): Promise<T> {
    return this.#run(() => write() as T);
  }

  /** A promise that is settled already: the work itself is done when the call returns. */
  #run<T>(work: () => T): Promise<T> {
    return Promise.try(() => {
      if (this.#closed) throw new StoreError('Unavailable', 'the store is closed');
      return work();
    });
  }
}

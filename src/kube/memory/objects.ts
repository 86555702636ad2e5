import type { OwnerReference, StoredObject } from '../../lib/object-meta.ts';
import { EventLog } from './event-log.ts';
import { Table, type AnyResource } from './table.ts';

/** An object and the table it stands in. */
export interface Located {
  readonly table: Table;
  readonly object: StoredObject;
}

/** A write that has been made. No `before`: created. No `after`: removed. */
export interface Written {
  readonly table: Table;
  readonly before?: StoredObject | undefined;
  readonly after?: StoredObject | undefined;
}

export interface ObjectsOptions {
  /** The version of the last write of an earlier life; 0 for none. */
  readonly startVersion: number;
  /** How many writes of each kind a watch can go back. */
  readonly historySize: number;
  readonly onWrite: (written: Written) => void;
}

/** All objects, with one version counter over all kinds and indexes by uid and by owner. */
export class Objects {
  readonly #tables = new Map<string, Table>();
  readonly #byUid = new Map<string, Located>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #options: ObjectsOptions;
  #version: number;

  constructor(options: ObjectsOptions) {
    this.#options = options;
    this.#version = options.startVersion;
  }

  get version(): number {
    return this.#version;
  }

  table(resource: AnyResource): Table {
    const id = `${resource.apiVersion}/${resource.plural}`;
    let table = this.#tables.get(id);
    if (!table) {
      table = new Table(resource, new EventLog(this.#options.startVersion, this.#options.historySize));
      this.#tables.set(id, table);
    }
    return table;
  }

  byUid(uid: string): Located | undefined {
    return this.#byUid.get(uid);
  }

  /** uids of the objects that name `uid` as an owner. */
  dependentsOf(uid: string): readonly string[] {
    return [...(this.#dependents.get(uid) ?? [])];
  }

  /** Puts an object in place as it is, with no new version and no event: for what an earlier life has left. */
  restore(table: Table, object: StoredObject): void {
    this.#index({ table, after: object });
  }

  /** Puts `after` in the place of `before` (absent: creates, removes) under the next version, and tells the watches. */
  commit<A extends StoredObject | undefined>(table: Table, before: StoredObject | undefined, after: A): A {
    this.#version += 1;
    const stored = after && stamped(after, this.#version);
    const written = { table, before, after: stored };
    this.#index(written);
    table.log.append({ version: this.#version, before, after: stored });
    this.#options.onWrite(written);
    return stored as A;
  }

  close(): void {
    for (const { log } of this.#tables.values()) log.close();
  }

  #index({ table, before, after }: Written): void {
    if (after) {
      table.put(after);
      this.#byUid.set(after.metadata.uid, { table, object: after });
    } else if (before) {
      table.remove(before.metadata);
      this.#byUid.delete(before.metadata.uid);
    }
    if (before?.metadata.ownerReferences === after?.metadata.ownerReferences) return;
    if (before) ownersOf(before).forEach((owner) => this.#disown(owner.uid, before.metadata.uid));
    if (after) ownersOf(after).forEach((owner) => this.#own(owner.uid, after.metadata.uid));
  }

  #own(ownerUid: string, uid: string): void {
    const dependents = this.#dependents.get(ownerUid) ?? new Set<string>();
    this.#dependents.set(ownerUid, dependents.add(uid));
  }

  #disown(ownerUid: string, uid: string): void {
    const dependents = this.#dependents.get(ownerUid);
    dependents?.delete(uid);
    if (dependents?.size === 0) this.#dependents.delete(ownerUid);
  }
}

function ownersOf({ metadata }: StoredObject): readonly OwnerReference[] {
  return metadata.ownerReferences ?? [];
}

function stamped(object: StoredObject, version: number): StoredObject {
  const metadata = Object.freeze({ ...object.metadata, resourceVersion: String(version) });
  return Object.freeze({ ...object, metadata });
}

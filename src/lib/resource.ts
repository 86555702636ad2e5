import type { StoredObject } from './object-meta.ts';

/** One thing wrong with an object, as the API server's Status causes say it. */
export interface FieldProblem {
  /** JSON path, e.g. `spec.idleTimeoutMs`. */
  readonly field: string;
  readonly message: string;
}

export type Admission =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/**
 * What a store must know about a kind. `T` is the stored shape.
 * Names follow https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export interface Resource<T extends StoredObject> {
  readonly apiVersion: T['apiVersion'];
  readonly kind: T['kind'];
  /** Lower-case plural, as in the URL. */
  readonly plural: string;
  /** Absent: namespaced. `Cluster`: objects have no namespace, so that it is '' in keys and metadata. */
  readonly scope?: 'Cluster';
  /** Whether status is a subresource: then a write of the object leaves status alone and the reverse. */
  readonly hasStatus: boolean;
  /** The status of an object of which nobody has written one yet: the CRD's default. Absent: none. */
  readonly initialStatus?: Readonly<Record<string, unknown>>;
  /**
   * Checks and defaults an object as the API server would by the CRD's schema and CEL rules. `previous` is the object
   * that is replaced, for immutability. The API server store does not call it.
   */
  admit?(next: unknown, previous?: T): Admission;
  /**
   * What of an object that a server sent is kept in memory, for whoever needs to see little of many. Absent: all of it. For
   * reading only: such an object must not be sent back as a whole. Stores in the process do not call it.
   */
  keep?(object: T): T;
  /** Seconds between "delete" and "gone" when the caller does not say; absent: gone at once. */
  gracePeriodSeconds?(object: T): number;
  /** Fields that a field selector may name, besides metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
}

/**
 * Kubernetes object metadata as every layer reads it: a stored object always has a name, a namespace, a uid and a
 * resourceVersion, so the code below never asks whether they are there.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Metadata of an object that is in a store. Times are RFC 3339 strings. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  /** UUID v4, made by the store. */
  readonly uid: string;
  /** Opaque; changes with every write. */
  readonly resourceVersion: string;
  /** Counts changes of the spec, from 1. */
  readonly generation?: number;
  readonly creationTimestamp: string;
  /** Set when deletion was asked for and something (a finalizer, a grace period) still holds the object. */
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** Metadata of an object that is about to be created: the store fills in the rest. */
export interface NewObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** Any object in a store. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** A stored object's shape before it is created: no status, no store-made metadata. */
export type NewObject<T extends StoredObject> = Omit<T, 'metadata' | 'status'> & { readonly metadata: NewObjectMeta };

/** Name and namespace: how an object is addressed. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

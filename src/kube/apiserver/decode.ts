import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { StoreError } from '../store-error.ts';
import type { WatchEvent } from '../store.ts';
import { eventToStoreError } from './api-status.ts';

/** One page of a list. */
export interface ListPage {
  /** Those of built-in kinds do not say what they are. */
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  /** Where the next page begins; absent: this is the last. */
  readonly next: string | undefined;
}

export function toPage(body: unknown): ListPage {
  if (!hasMetadata(body)) throw new StoreError('Unavailable', 'the API server sent what is no list');
  const { metadata, items } = body as ServerObject & { readonly items?: readonly unknown[] | null };
  const { resourceVersion = '', continue: next } = metadata;
  return { items: items ?? [], resourceVersion, next: next === '' ? undefined : next };
}

interface ServerEvent {
  readonly type: string;
  readonly object: unknown;
}

/** Undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface ServerObject {
  apiVersion?: string;
  kind?: string;
  metadata: { namespace?: string; resourceVersion?: string; continue?: string; managedFields?: unknown };
}

/**
 * Makes a freshly parsed object one of the store's, in place: with its kind, with a namespace even where it has none, and
 * without managedFields, which are most of a small object's memory. Or what the resource keeps of it.
 */
export function fromServer<T extends StoredObject>(resource: Resource<T>, parsed: unknown): T {
  if (!hasMetadata(parsed)) throw new StoreError('Unavailable', 'the API server sent what is no object');
  const object: ServerObject = parsed;
  object.apiVersion ??= resource.apiVersion;
  object.kind ??= resource.kind;
  // Not deleted: that would make a slow object of it.
  const { managedFields: _, ...metadata } = object.metadata;
  object.metadata = metadata;
  object.metadata.namespace ??= '';
  const stored = object as unknown as T;
  return resource.keep?.(stored) ?? stored;
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hasMetadata(value: unknown): value is ServerObject {
  return isRecord(value) && 'metadata' in value && isRecord(value.metadata);
}

/** Throws what an ERROR event tells, and Unavailable for what is no event. */
export function toWatchEvent<T extends StoredObject>(resource: Resource<T>, line: string): WatchEvent<T> {
  const { type, object } = (parseJson(line) ?? {}) as Partial<ServerEvent>;
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED')
    return { type, object: fromServer(resource, object) };
  if (type === 'ERROR') throw eventToStoreError(object);
  if (type === 'BOOKMARK') return { type, resourceVersion: fromServer(resource, object).metadata.resourceVersion };
  throw new StoreError('Unavailable', 'the API server sent what is no watch event');
}

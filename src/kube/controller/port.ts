import type { ObjectKey, StoredObject } from '../../lib/object-meta.ts';
import type { Outcome } from './outcome.ts';

/** A local copy of one kind, kept by list and watch, with indexes. Reads cost nothing and may lag the store by a moment. */
export interface Informer<T extends StoredObject> {
  get(key: ObjectKey): T | undefined;
  byUid(uid: string): T | undefined;
  list(): readonly T[];
  /** Objects for which the named index function (given at creation) answered `value`. */
  byIndex(index: string, value: string): readonly T[];
  /** Called in order for every change, after the copy has changed. A replaced uid is a deletion and an addition. */
  onChange(handler: (change: Change<T>) => void): Disposable;
  /** Resolves after the first full list. */
  readonly synced: Promise<void>;
  /** Monotonic ms of the last contact with the store: readiness depends on it. */
  readonly lastContactMs: number;
}

export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'changed'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T };

/** One key never runs twice at once; a key added while it runs, runs once more (client-go's workqueue). */
export interface WorkQueue {
  add(key: ObjectKey): void;
  /** The earliest of several wins. */
  addAfter(key: ObjectKey, afterMs: number): void;
}

export type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<Outcome>;

/** Something that happened to an object and that whoever looks after it should read: `kubectl describe` shows it. */
export interface EventFacts {
  /** Warning: somebody may have to do something. */
  readonly type: 'Normal' | 'Warning';
  /** Why, in one CamelCase word of a closed set. */
  readonly reason: string;
  /** What the controller did about it, in one CamelCase word. */
  readonly action: string;
  /** A sentence for people; what exceeds 1 kB is cut off. No secrets, and nothing that differs from one time to the next. */
  readonly note: string;
  /** Another object that it has to do with. */
  readonly related?: StoredObject;
}

/** Tells people what happens. Off the critical path: never throws, never waits, may drop. */
export interface EventRecorder {
  record(regarding: StoredObject, event: EventFacts): void;
}

import type { Clock } from '../../lib/clock.ts';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { WatchEvent } from '../store.ts';
import { StoreError } from '../store-error.ts';
import type { EventLog, LoggedWrite } from './event-log.ts';
import type { Matcher } from './selector.ts';

/** An object as its deletion event shows it: the last state, with the version of the deletion. */
function gone(object: StoredObject, version: number): StoredObject {
  const metadata = Object.freeze({ ...object.metadata, resourceVersion: String(version) });
  return Object.freeze({ ...object, metadata });
}

/** What a watch with this selector is told of a write; undefined: nothing. */
export function toWatchEvent(write: LoggedWrite, matches: Matcher): WatchEvent<StoredObject> | undefined {
  const { version } = write;
  const before = write.before && matches(write.before) ? write.before : undefined;
  const after = write.after && matches(write.after) ? write.after : undefined;
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object: after };
  return before && { type: 'DELETED', object: gone(before, version) };
}

export function parseVersion(resourceVersion: string): number {
  if (/^\d+$/.test(resourceVersion)) return Number(resourceVersion);
  throw new StoreError('Invalid', `invalid resource version ${JSON.stringify(resourceVersion)}`);
}

export interface WatchStart {
  readonly log: EventLog;
  readonly fromVersion: number;
  readonly matches: Matcher;
  readonly clock: Clock;
  /** The version of the newest write to any kind. */
  readonly currentVersion: () => number;
}

/** How often a watch with nothing to tell says that it lives, and how far it has come. */
const bookmarkMs = 30_000;

type Event = WatchEvent<StoredObject>;
type Result = IteratorResult<Event, undefined>;

interface Reader {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Follows a log from a version on, until the signal aborts. A reader that waits gets its event from within the write: an
 * async generator would take several turns of the microtask queue for each, and a busy writer would outrun it.
 */
export class LogWatch implements AsyncIterableIterator<Event, undefined> {
  readonly #begin: () => WatchStart;
  readonly #signal: AbortSignal;
  #start: WatchStart | undefined;
  #subscription: Disposable | undefined;
  #bookmark: Disposable | undefined;
  #nextSequence = 0;
  #reader: Reader | undefined;
  #ended = false;

  /** `begin` is called by the first read and may throw: the read then fails. */
  constructor(begin: () => WatchStart, signal: AbortSignal) {
    this.#begin = begin;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One at a time: the next call comes after the promise of the last one has settled. */
  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#serve();
    });
  }

  return(): Promise<Result> {
    this.#end();
    this.#serve();
    return Promise.resolve({ done: true, value: undefined });
  }

  readonly #serve = (): void => {
    const reader = this.#reader;
    if (!reader) return;
    try {
      const result = this.#read();
      if (!result) return;
      this.#reader = undefined;
      reader.resolve(result);
    } catch (error) {
      this.#reader = undefined;
      this.#end();
      reader.reject(error);
    }
  };

  /** The next event that is of interest; undefined: none yet. */
  #read(): Result | undefined {
    if (this.#signal.aborted) this.#end();
    if (this.#ended) return { done: true, value: undefined };
    const { log, matches } = (this.#start ??= this.#open());
    for (let write = log.at(this.#nextSequence); write; write = log.at(this.#nextSequence)) {
      this.#nextSequence += 1;
      const value = toWatchEvent(write, matches);
      if (value) return { done: false, value };
    }
    return undefined;
  }

  #open(): WatchStart {
    const start = this.#begin();
    this.#nextSequence = start.log.sequenceAfter(start.fromVersion);
    this.#subscription = start.log.subscribe(this.#serve);
    this.#signal.addEventListener('abort', this.#serve);
    this.#scheduleBookmark(start);
    return start;
  }

  #scheduleBookmark({ clock, currentVersion }: Pick<WatchStart, 'clock' | 'currentVersion'>): void {
    this.#bookmark = clock.schedule(bookmarkMs, () => {
      this.#scheduleBookmark({ clock, currentVersion });
      // Only a reader that waits has seen everything up to the current version.
      const reader = this.#reader;
      this.#reader = undefined;
      reader?.resolve({ done: false, value: { type: 'BOOKMARK', resourceVersion: String(currentVersion()) } });
    });
  }

  #end(): void {
    this.#ended = true;
    this.#subscription?.[Symbol.dispose]();
    this.#bookmark?.[Symbol.dispose]();
    this.#signal.removeEventListener('abort', this.#serve);
  }
}

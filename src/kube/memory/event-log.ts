import type { StoredObject } from '../../lib/object-meta.ts';
import { StoreError } from '../store-error.ts';

/** One write. No `before`: created. No `after`: removed. */
export interface LoggedWrite {
  readonly version: number;
  readonly before?: StoredObject | undefined;
  readonly after?: StoredObject | undefined;
}

/**
 * The last writes of one kind, in order. Watches read it by sequence number, each at its own pace, so a slow watch costs no
 * memory: what it has not read in time is forgotten and it is told so (Expired).
 */
export class EventLog {
  readonly #keep: number;
  readonly #listeners = new Set<() => void>();
  #writes: LoggedWrite[] = [];
  /** Sequence number of the oldest write that is kept. */
  #first = 0;
  /** Version of the newest write that is not kept any more. */
  #forgottenVersion: number;
  #closed = false;

  /** `startVersion`: nothing is known of writes up to and with this one. `keep`: how many writes are kept at least. */
  constructor(startVersion: number, keep: number) {
    this.#forgottenVersion = startVersion;
    this.#keep = keep;
  }

  append(write: LoggedWrite): void {
    this.#writes.push(write);
    // A quarter more than asked for is kept, so that forgetting costs little per write.
    if (this.#writes.length > this.#keep * 1.25) this.#forget(this.#writes.length - this.#keep);
    for (const listener of this.#listeners) listener();
  }

  #forget(count: number): void {
    this.#forgottenVersion = this.#writes[count - 1]?.version ?? this.#forgottenVersion;
    this.#writes = this.#writes.slice(count);
    this.#first += count;
  }

  /** Sequence number of the first write after `version`. Throws Expired when writes after it have been forgotten. */
  sequenceAfter(version: number): number {
    if (version < this.#forgottenVersion) throw expired();
    let low = 0;
    let high = this.#writes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#writes[middle]?.version ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    return this.#first + low;
  }

  /** Undefined: not written yet. Throws Expired when it has been forgotten, Unavailable when the log is closed. */
  at(sequence: number): LoggedWrite | undefined {
    if (this.#closed) throw new StoreError('Unavailable', 'the store is closed');
    if (sequence < this.#first) throw expired();
    return this.#writes[sequence - this.#first];
  }

  /** Calls `listener` after each write and when the log closes, synchronously: it must only wake somebody. */
  subscribe(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener();
  }
}

function expired(): StoreError {
  return new StoreError('Expired', 'too old resource version: list again and watch from there');
}

import { createBackoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import { DelayedKeys } from './delayed-keys.ts';
import type { WorkQueue } from './port.ts';

export interface TakenKey {
  readonly key: ObjectKey;
  /** How long it waited to be taken. */
  readonly waitedMs: number;
}

/**
 * A work queue and its worker's side. What is added waits; what is taken is being worked on until `succeed` or `fail`, and if
 * it was added again meanwhile it waits once more then: client-go's dirty and processing sets
 * (https://github.com/kubernetes/client-go/blob/master/util/workqueue/queue.go).
 */
export interface KeyQueue extends WorkQueue, Disposable {
  /** The key that has waited longest; undefined when none waits. */
  take(): TakenKey | undefined;
  /** Work on a taken key is done; the count of its failures starts afresh. `afterMs`: add it again then. */
  succeed(key: ObjectKey, afterMs?: number): void;
  /** Work on a taken key has failed: it is added again after a back-off, which is returned in ms. */
  fail(key: ObjectKey): number;
  /** How many keys wait to be taken. */
  readonly depth: number;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** Called, synchronously, when there is something to take that was not there before. */
  readonly onReady: () => void;
}

/** Doubling from the first failure on; client-go's default has the same base. */
const backoffMs = { baseMs: 5, capMs: 300_000 };

export function createWorkQueue(options: WorkQueueOptions): KeyQueue {
  return new DedupingQueue(options);
}

interface Waiting {
  readonly key: ObjectKey;
  readonly sinceMs: number;
}

function idOf({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

function keyOf(id: string): ObjectKey {
  const cut = id.indexOf('/');
  return { namespace: id.slice(0, cut), name: id.slice(cut + 1) };
}

class DedupingQueue implements KeyQueue {
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #backoff = createBackoff(backoffMs);
  /** In the order in which they were added. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #processing = new Set<string>();
  /** Added while they were worked on. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  /** What was asked for from outside; the earliest of several counts. */
  readonly #asked: DelayedKeys;
  /** What the last piece of work on a key said about the next one: its latest word counts, so no stale wake-ups pile up. */
  readonly #planned: DelayedKeys;

  constructor({ clock, onReady }: WorkQueueOptions) {
    this.#clock = clock;
    this.#onReady = onReady;
    this.#asked = new DelayedKeys(clock, (id) => this.#enqueue(id));
    this.#planned = new DelayedKeys(clock, (id) => this.#enqueue(id));
  }

  get depth(): number {
    return this.#waiting.size;
  }

  add(key: ObjectKey): void {
    this.#enqueue(idOf(key));
  }

  addAfter(key: ObjectKey, afterMs: number): void {
    if (afterMs <= 0) this.add(key);
    else this.#asked.atLatest(idOf(key), afterMs);
  }

  take(): TakenKey | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const [id, { key, sinceMs }] = first;
    this.#waiting.delete(id);
    this.#processing.add(id);
    return { key, waitedMs: this.#clock.monotonic() - sinceMs };
  }

  succeed(key: ObjectKey, afterMs?: number): void {
    const id = idOf(key);
    this.#failures.delete(id);
    this.#planned.replace(id, afterMs);
    this.#release(id);
  }

  fail(key: ObjectKey): number {
    const id = idOf(key);
    const failures = this.#failures.get(id) ?? 0;
    this.#failures.set(id, failures + 1);
    const afterMs = this.#backoff(failures);
    this.#planned.replace(id, afterMs);
    this.#release(id);
    return afterMs;
  }

  [Symbol.dispose](): void {
    this.#asked[Symbol.dispose]();
    this.#planned[Symbol.dispose]();
    this.#waiting.clear();
  }

  #enqueue(id: string): void {
    if (this.#processing.has(id)) this.#again.add(id);
    else if (!this.#waiting.has(id)) {
      this.#waiting.set(id, { key: keyOf(id), sinceMs: this.#clock.monotonic() });
      this.#onReady();
    }
  }

  #release(id: string): void {
    this.#processing.delete(id);
    if (this.#again.delete(id)) this.#enqueue(id);
  }
}

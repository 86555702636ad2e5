import { createBackoff } from '../../lib/backoff.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import type { Event } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NewObject, StoredObject } from '../../lib/object-meta.ts';
import { formatMicroTime } from '../../lib/time.ts';
import { events } from '../builtins.ts';
import type { Store } from '../store.ts';
import { isStoreError } from '../store-error.ts';
import { buildEvent, type Reporter } from './event-object.ts';
import type { EventFacts, EventRecorder } from './port.ts';
import { TokenBucket } from './token-bucket.ts';

export interface EventRecorderOptions extends Reporter {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Writes events.k8s.io/v1 Events, one for what happens again and again: the first time it is created, later its series is
 * patched. Disposing writes what is left, for a few seconds at most.
 */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder & AsyncDisposable {
  return new SeriesRecorder(options);
}

/** The same thing again after so long is news, as in client-go. */
const seriesEndMs = 6 * 60_000;
/** A series is written at most so often. */
const patchEveryMs = 60_000;
/** What one object may have said about it: a burst, then one a minute. */
const perObject = { burst: 20, perSecond: 1 / 60 };
/** What all of them together may cost the API server. */
const inAll = { burst: 50, perSecond: 10 };
const mostQueued = 1_000;
const mostSeries = 4_096;
const mostTries = 5;
const flushMs = 3_000;
const backoff = createBackoff({ baseMs: 500, capMs: 10_000 });

interface Series {
  readonly id: string;
  readonly event: NewObject<Event>;
  count: number;
  /** Epoch milliseconds. */
  lastObservedMs: number;
  /** Monotonic milliseconds. */
  lastSeenMs: number;
  /** How many the store knows of; 0: it has not been created. */
  writtenCount: number;
  writtenMs: number;
  patching?: Disposable;
}

class SeriesRecorder implements EventRecorder, AsyncDisposable {
  readonly #options: EventRecorderOptions;
  readonly #log: Logger;
  /** Least recently seen first. */
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #pace: TokenBucket;
  readonly #queue = new Set<Series>();
  /** Aborts when the recorder is disposed: no more pauses from then on. */
  readonly #closing = new AbortController();
  #writing: Promise<void> | undefined;
  #recorded = 0;
  #isGivenUp = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#log = options.logger.child({ part: 'events' });
    this.#pace = new TokenBucket({ clock: options.clock, ...inAll });
  }

  record(regarding: StoredObject, facts: EventFacts): void {
    if (this.#closing.signal.aborted) return;
    try {
      this.#record(regarding, facts);
    } catch (err) {
      this.#log.error({ err, reason: facts.reason }, 'an event could not be recorded');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const series of this.#series.values()) {
      series.patching?.[Symbol.dispose]();
      if (series.count > series.writtenCount) this.#enqueue(series);
    }
    const over = new AbortController();
    void this.#writing?.finally(() => over.abort());
    if (this.#writing) await sleep(this.#options.clock, flushMs, over.signal);
    this.#isGivenUp = true;
  }

  #record(regarding: StoredObject, facts: EventFacts): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonic();
    const id = JSON.stringify([regarding.metadata.uid, facts.type, facts.reason, facts.action]);
    const known = this.#series.get(id);
    if (known && nowMs - known.lastSeenMs < seriesEndMs) {
      this.#again(known);
      return;
    }
    if (this.#queue.size >= mostQueued || !this.#bucketOf(regarding.metadata.uid).take()) {
      this.#log.debug(
        { reason: facts.reason, name: regarding.metadata.name },
        'an event is dropped: there are too many',
      );
      return;
    }
    const atMs = clock.now();
    const occurrence = { regarding, facts, atMs, number: this.#recorded++ };
    const event = buildEvent(this.#options, occurrence);
    const times = { lastObservedMs: atMs, lastSeenMs: nowMs, writtenMs: nowMs };
    const series: Series = { id, event, count: 1, writtenCount: 0, ...times };
    if (known) this.#forget(known);
    this.#remember(series);
    this.#enqueue(series);
  }

  #again(series: Series): void {
    const { clock } = this.#options;
    series.count += 1;
    series.lastObservedMs = clock.now();
    series.lastSeenMs = clock.monotonic();
    this.#remember(series);
    this.#planPatch(series);
  }

  /** Puts it behind all others, and forgets those that are over. */
  #remember(series: Series): void {
    this.#series.delete(series.id);
    this.#series.set(series.id, series);
    const nowMs = this.#options.clock.monotonic();
    for (const oldest of this.#series.values()) {
      const isOver = nowMs - oldest.lastSeenMs >= seriesEndMs && oldest.writtenCount === oldest.count;
      if (!isOver && this.#series.size <= mostSeries) break;
      this.#forget(oldest);
    }
  }

  #forget(series: Series): void {
    series.patching?.[Symbol.dispose]();
    if (this.#series.get(series.id) === series) this.#series.delete(series.id);
  }

  #bucketOf(uid: string): TokenBucket {
    const bucket = this.#buckets.get(uid) ?? new TokenBucket({ clock: this.#options.clock, ...perObject });
    this.#buckets.delete(uid);
    this.#buckets.set(uid, bucket);
    for (const [oldest, { isFull }] of this.#buckets) {
      if (oldest === uid || (!isFull && this.#buckets.size <= mostSeries)) break;
      this.#buckets.delete(oldest);
    }
    return bucket;
  }

  #planPatch(series: Series): void {
    if (series.patching ?? (this.#queue.has(series) || this.#closing.signal.aborted)) return;
    const afterMs = series.writtenMs + patchEveryMs - this.#options.clock.monotonic();
    series.patching = this.#options.clock.schedule(afterMs, () => {
      delete series.patching;
      this.#enqueue(series);
    });
  }

  #enqueue(series: Series): void {
    this.#queue.add(series);
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined));
  }

  async #writeAll(): Promise<void> {
    // In a turn of its own: whoever records is done with its work first.
    await Promise.resolve();
    for (const series of this.#queue) {
      if (this.#isGivenUp) return;
      await this.#waitForMyTurn();
      this.#queue.delete(series);
      await this.#write(series);
      if (series.count > series.writtenCount && this.#series.get(series.id) === series) this.#planPatch(series);
    }
  }

  async #waitForMyTurn(): Promise<void> {
    const { signal } = this.#closing;
    while (!this.#pace.take() && !signal.aborted) await sleep(this.#options.clock, this.#pace.waitMs, signal);
  }

  async #write(series: Series): Promise<void> {
    const { clock } = this.#options;
    const { count } = series;
    for (let tries = 0; tries < mostTries && !this.#isGivenUp; tries++) {
      try {
        await this.#send(series);
        series.writtenCount = count;
        series.writtenMs = clock.monotonic();
        return;
      } catch (err) {
        if (!isStoreError(err, 'TooManyRequests', 'Unavailable')) {
          this.#log.debug({ err }, 'an event was refused');
          break;
        }
        await sleep(clock, backoff(tries), this.#closing.signal);
      }
    }
    this.#forget(series);
  }

  /** Its name is the same at every try: what has arrived, though no answer came, is not made twice. */
  async #send({ event, count, lastObservedMs, writtenCount }: Series): Promise<void> {
    const { store } = this.#options;
    const series = count > 1 ? { series: { count, lastObservedTime: formatMicroTime(lastObservedMs) } } : {};
    if (writtenCount > 0) await store.patch(events, event.metadata, series);
    else
      await store.create(events, { ...event, ...series }).catch((error: unknown) => {
        if (!isStoreError(error, 'AlreadyExists')) throw error;
      });
  }
}

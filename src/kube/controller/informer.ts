import { createBackoff } from '../../lib/backoff.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { isStoreError } from '../store-error.ts';
import type { ListOptions, Selector, Store, WatchEvent } from '../store.ts';
import { ObjectCache, type IndexFunction } from './object-cache.ts';
import type { Change, Informer } from './port.ts';

export interface InformerOptions<T> {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labels?: Selector;
  readonly fields?: Selector;
  /** For `byIndex`: the values under which an object is found, by index name. */
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the informer; what it has read can still be asked for. */
  readonly signal: AbortSignal;
}

/** A watch that lived this long was a good one, even if nothing happened; client-go draws the same line. */
const goodWatchMs = 1_000;

/** Waits between attempts to reach the store, for ever: full jitter between nothing and this. */
const backoffMs = { baseMs: 800, capMs: 30_000 };

/**
 * Starts to list and watch one kind. A handler sees the changes from its registration on: one that is registered in the same
 * turn as the informer is made sees everything as `added`. `synced` rejects when the signal aborts before the first list.
 */
export function createInformer<T extends StoredObject>(
  store: Store,
  resource: Resource<T>,
  options: InformerOptions<T>,
): Informer<T> {
  const handlers = new Set<(change: Change<T>) => void>();
  const log = options.logger.child({ informer: resource.plural });
  const cache = new ObjectCache<T>(options.indexes ?? {}, (change) => {
    for (const handler of handlers)
      callHandler(handler, change, (err) => log.error({ err }, 'a change handler failed'));
  });
  const reflector = new Reflector({ ...options, logger: log, store, resource, cache });
  void reflector.run();
  return {
    get: (key) => cache.get(key),
    byUid: (uid) => cache.byUid(uid),
    list: () => cache.list(),
    byIndex: (index, value) => cache.byIndex(index, value),
    onChange: (handler) => {
      // A registration of its own, so that the same function can be registered twice.
      const registered = (change: Change<T>): void => handler(change);
      handlers.add(registered);
      return { [Symbol.dispose]: () => void handlers.delete(registered) };
    },
    synced: reflector.synced.promise,
    get lastContactMs() {
      return reflector.lastContactMs;
    },
  };
}

function callHandler<C>(handler: (change: C) => void, change: C, onError: (error: unknown) => void): void {
  try {
    handler(change);
  } catch (error) {
    onError(error);
  }
}

interface ReflectorOptions<T extends StoredObject> extends InformerOptions<T> {
  readonly store: Store;
  readonly resource: Resource<T>;
  readonly cache: ObjectCache<T>;
}

/** Keeps a cache equal to what the store holds. */
class Reflector<T extends StoredObject> {
  readonly synced = Promise.withResolvers<undefined>();
  lastContactMs: number;
  readonly #options: ReflectorOptions<T>;
  readonly #backoff = createBackoff({ ...backoffMs, random: Math.random });
  /** Where the next watch starts; undefined: list first. */
  #resourceVersion: string | undefined;
  /** Attempts in a row that have brought nothing. */
  #fruitless = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.lastContactMs = options.clock.monotonic();
    // Whoever waits hears of the abort; nobody has to wait.
    this.synced.promise.catch(() => undefined);
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#options;
    while (!signal.aborted) {
      await this.#attempt();
      // One attempt that was cut off early is routine (a server ends watches); a second one in a row is not.
      if (this.#fruitless > 1) await sleep(clock, this.#backoff(this.#fruitless - 2), signal);
    }
    this.synced.reject(signal.reason);
  }

  async #attempt(): Promise<void> {
    this.#fruitless += 1;
    try {
      this.#resourceVersion ??= await this.#list();
      await this.#watch(this.#resourceVersion);
      this.#touch();
    } catch (err) {
      if (this.#options.signal.aborted) return;
      if (isStoreError(err, 'Expired')) {
        this.#resourceVersion = undefined;
        this.#options.logger.debug('the watch has expired: listing again');
        return;
      }
      // Not routine: wait before the very next attempt.
      this.#fruitless = Math.max(this.#fruitless, 2);
      this.#options.logger.warn({ err, attempt: this.#fruitless - 1 }, 'no contact with the store: trying again');
    }
  }

  async #list(): Promise<string> {
    const { store, resource, cache } = this.#options;
    const { items, resourceVersion } = await store.list(resource, this.#scope());
    this.#touch();
    cache.replaceAll(items);
    this.synced.resolve(undefined);
    return resourceVersion;
  }

  async #watch(resourceVersion: string): Promise<void> {
    const { store, resource, signal, clock } = this.#options;
    const startMs = clock.monotonic();
    try {
      for await (const event of store.watch(resource, { ...this.#scope(), resourceVersion, signal })) {
        if (signal.aborted) return;
        this.#fruitless = 0;
        this.#touch();
        this.#resourceVersion = this.#apply(event);
      }
    } finally {
      if (clock.monotonic() - startMs >= goodWatchMs) this.#fruitless = 0;
    }
  }

  #apply(event: WatchEvent<T>): string {
    const { cache } = this.#options;
    if (event.type === 'BOOKMARK') return event.resourceVersion;
    if (event.type === 'DELETED') cache.remove(event.object);
    else cache.put(event.object);
    return event.object.metadata.resourceVersion;
  }

  #touch(): void {
    this.lastContactMs = this.#options.clock.monotonic();
  }

  #scope(): ListOptions {
    const { namespace, labels, fields } = this.#options;
    return { ...(namespace !== undefined && { namespace }), ...(labels && { labels }), ...(fields && { fields }) };
  }
}

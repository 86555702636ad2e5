import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import { isStoreError } from '../store-error.ts';
import type { Reconcile, WorkQueue } from './port.ts';
import { createWorkQueue, type KeyQueue, type TakenKey } from './work-queue.ts';

export interface TakenFacts {
  readonly controller: string;
  /** How long the key waited for a worker. */
  readonly waitedMs: number;
  /** Monotonic ms. */
  readonly startMs: number;
}

export interface ReconcileFacts extends TakenFacts {
  /** requeue: at once; requeueAfter: some time later. */
  readonly result: 'success' | 'requeue' | 'requeueAfter' | 'error';
  readonly durationMs: number;
}

/** What happens in a controller, for metrics. */
export interface ControllerHooks {
  /** It may work on so many keys at once. */
  started?(controller: string, concurrency: number): void;
  /** A key waits that did not wait before. */
  added?(controller: string): void;
  /** How many keys wait for a worker, after each change. */
  queueDepth?(controller: string, depth: number): void;
  /** Work on a key begins. */
  taken?(facts: TakenFacts): void;
  /** It has ended. */
  reconciled?(facts: ReconcileFacts): void;
}

export interface ControllerOptions {
  /** For logs and metrics. */
  readonly name: string;
  readonly reconcile: Reconcile;
  /** How many keys are worked on at once. */
  readonly concurrency: number;
  /** After this long the reconcile's signal aborts; default 60,000. The key stays taken until the promise settles. */
  readonly reconcileTimeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hooks?: ControllerHooks;
}

/** Disposing aborts the reconciles that run and resolves when all of them have settled; what waits is dropped. */
export interface Controller extends WorkQueue, AsyncDisposable {}

/** Starts to reconcile the keys that are added: each in its own promise, never one key twice at once. */
export function startController(options: ControllerOptions): Controller {
  return new ReconcileLoop(options);
}

const defaultTimeoutMs = 60_000;

class ReconcileLoop implements Controller {
  readonly #options: ControllerOptions;
  readonly #log: Logger;
  readonly #queue: KeyQueue;
  readonly #running = new Map<AbortController, Promise<void>>();
  #isWoken = false;
  #isStopped = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#log = options.logger.child({ controller: options.name });
    this.#queue = createWorkQueue({ clock: options.clock, onReady: () => this.#wake() });
    options.hooks?.started?.(options.name, options.concurrency);
  }

  add(key: ObjectKey): void {
    if (!this.#isStopped) this.#queue.add(key);
  }

  addAfter(key: ObjectKey, afterMs: number): void {
    if (!this.#isStopped) this.#queue.addAfter(key, afterMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    const running = [...this.#running];
    for (const [abort] of running) abort.abort(new Error('the controller is stopping'));
    await Promise.all(running.map(([, settled]) => settled));
    this.#queue[Symbol.dispose]();
  }

  /** Work starts in the next microtask: whoever adds a key from within an event is done with the event first. */
  #wake(): void {
    const { hooks, name } = this.#options;
    hooks?.added?.(name);
    hooks?.queueDepth?.(name, this.#queue.depth);
    if (this.#isWoken) return;
    this.#isWoken = true;
    queueMicrotask(() => {
      this.#isWoken = false;
      this.#fill();
    });
  }

  #fill(): void {
    while (!this.#isStopped && this.#running.size < this.#options.concurrency) {
      const taken = this.#queue.take();
      if (!taken) return;
      this.#options.hooks?.queueDepth?.(this.#options.name, this.#queue.depth);
      const abort = new AbortController();
      this.#running.set(abort, this.#work(taken, abort));
    }
  }

  async #work({ key, waitedMs }: TakenKey, abort: AbortController): Promise<void> {
    const { name: controller, clock, hooks } = this.#options;
    const taken = { controller, waitedMs, startMs: clock.monotonic() };
    hooks?.taken?.(taken);
    using _timeout = this.#startTimeout(key, abort);
    const result = await this.#reconcile(key, abort.signal);
    this.#running.delete(abort);
    hooks?.reconciled?.({ ...taken, result, durationMs: clock.monotonic() - taken.startMs });
    this.#fill();
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileFacts['result']> {
    try {
      const outcome = await Promise.try(this.#options.reconcile, key, signal);
      this.#queue.succeed(key, outcome.kind === 'lookAgain' ? outcome.afterMs : undefined);
      if (outcome.kind === 'settled') return 'success';
      return outcome.afterMs > 0 ? 'requeueAfter' : 'requeue';
    } catch (err) {
      const retryInMs = this.#queue.fail(key);
      if (!this.#isStopped) this.#logFailure(err, { ...key, retryInMs });
      return 'error';
    }
  }

  /** A conflict is how optimistic locking works, and nobody's trouble. */
  #logFailure(err: unknown, facts: ObjectKey & { readonly retryInMs: number }): void {
    const level = isStoreError(err, 'Conflict') ? 'debug' : 'warn';
    this.#log[level]({ err, ...facts }, 'reconcile failed: it will be tried again');
  }

  #startTimeout(key: ObjectKey, abort: AbortController): Disposable {
    const { clock, reconcileTimeoutMs = defaultTimeoutMs } = this.#options;
    return clock.schedule(reconcileTimeoutMs, () => {
      this.#log.warn({ ...key, reconcileTimeoutMs }, 'a reconcile takes too long: it is told to stop');
      abort.abort(new Error(`the reconcile took longer than ${reconcileTimeoutMs} ms`));
    });
  }
}

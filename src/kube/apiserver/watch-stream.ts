import type { Dispatcher } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import { StoreError } from '../store-error.ts';
import { ConnectionFailure, textOf, type ApiAnswer } from './exchange.ts';
import { LineSplitter } from './line-splitter.ts';
import { parseRetryAfter } from './retry.ts';

/** No word for this long, though the server sends bookmarks: the other side is gone and nobody told us. */
const silenceMs = 150_000;
/** Lines that wait for their reader before the server has to. */
const maxWaiting = 1_000;

type HeadersEvent = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>;

/**
 * The lines of one answer that goes on. It ends when the server ends it, when the connection breaks (both are routine: the
 * reader goes on where it was) and when `signal` aborts; silence is an error, so that somebody hears of it.
 */
export class WatchStream implements Dispatcher.DispatchHandler, ApiAnswer, Disposable {
  /** Resolves when the lines begin, when the server has said something else (status, text) or when the signal aborts. */
  readonly opened: Promise<void>;
  status = 0;
  retryAfterMs: number | undefined;
  readonly #opening = Promise.withResolvers<undefined>();
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #splitter = new LineSplitter();
  readonly #refusal: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #sent = false;
  #lines: string[] = [];
  #isOver = false;
  #failure: StoreError | undefined;
  #wake: (() => void) | undefined;
  #lastHeardMs: number;
  #watchdog: Disposable;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.opened = this.#opening.promise;
    this.#lastHeardMs = clock.monotonic();
    this.#watchdog = clock.schedule(silenceMs, () => this.#checkSilence());
    signal.addEventListener('abort', this.#close, { once: true });
  }

  /** What the server said instead of lines. */
  get text(): string {
    return textOf(this.#refusal);
  }

  /** The lines that have come, as soon as there are any; none: it is over. */
  async read(): Promise<readonly string[]> {
    while (this.#lines.length === 0) {
      if (this.#failure) throw this.#failure;
      if (this.#isOver) return [];
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const lines = this.#lines;
    this.#lines = [];
    if (this.#controller?.paused) {
      this.#lastHeardMs = this.#clock.monotonic();
      this.#controller.resume();
    }
    return lines;
  }

  /** What has come and was not read is lost. */
  [Symbol.dispose](): void {
    this.#close();
  }

  readonly #close = (): void => {
    this.#lines = [];
    this.#end();
    this.#controller?.abort(new Error('the watch was closed'));
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#sent = true;
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('the watch was closed'));
  }

  onResponseStart(...[, status, headers]: HeadersEvent): void {
    this.status = status;
    this.retryAfterMs = parseRetryAfter(headers['retry-after']);
    this.#lastHeardMs = this.#clock.monotonic();
    if (status === 200) this.#opening.resolve(undefined);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#lastHeardMs = this.#clock.monotonic();
    if (this.status !== 200) {
      this.#refusal.push(chunk);
      return;
    }
    const lines = this.#splitter.push(chunk);
    if (lines.length === 0 || this.#isOver) return;
    if (this.#lines.length === 0) this.#lines = lines;
    else this.#lines.push(...lines);
    if (this.#lines.length > maxWaiting) controller.pause();
    this.#wake?.();
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#opening.reject(new ConnectionFailure(error, this.#sent));
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#opening.resolve(undefined);
    this.#watchdog[Symbol.dispose]();
    this.#signal.removeEventListener('abort', this.#close);
    this.#wake?.();
  }

  #checkSilence(): void {
    const leftMs = this.#lastHeardMs + silenceMs - this.#clock.monotonic();
    if (leftMs > 0 || this.#controller?.paused) {
      this.#watchdog = this.#clock.schedule(leftMs > 0 ? leftMs : silenceMs, () => this.#checkSilence());
      return;
    }
    this.#failure = new StoreError('Unavailable', `the API server has not said a word for ${silenceMs / 1_000} s`);
    this.#end();
    this.#controller?.abort(this.#failure);
  }
}

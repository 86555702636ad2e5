import type { Dispatcher } from 'undici';
import { parseRetryAfter } from './retry.ts';

/** A whole answer. */
export interface ApiAnswer {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly text: string;
}

/** An attempt that brought no whole answer. */
export class ConnectionFailure extends Error {
  override readonly name = 'ConnectionFailure';
  readonly sent: boolean;

  constructor(cause: unknown, sent: boolean) {
    super(describe(cause), { cause });
    this.sent = sent;
  }
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Node's own for a name with several addresses, with an empty message.
  if (cause instanceof AggregateError) return cause.errors.map(describe).join('; ');
  return cause.message;
}

export function textOf(chunks: readonly Buffer[]): string {
  const [first] = chunks;
  if (!first) return '';
  return (chunks.length === 1 ? first : Buffer.concat(chunks)).toString('utf8');
}

/** One request and its whole answer. A handler of undici's own protocol: no streams are made for a few hundred bytes. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<ApiAnswer>;
  readonly #resolvers = Promise.withResolvers<ApiAnswer>();
  readonly #chunks: Buffer[] = [];
  #sent = false;
  #status = 0;
  #retryAfterMs: number | undefined;

  constructor() {
    this.answer = this.#resolvers.promise;
  }

  onRequestStart(): void {
    this.#sent = true;
  }

  onResponseStart(
    ...[, status, headers]: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>
  ): void {
    this.#status = status;
    this.#retryAfterMs = parseRetryAfter(headers['retry-after']);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#resolvers.resolve({
      status: this.#status,
      retryAfterMs: this.#retryAfterMs,
      text: textOf(this.#chunks),
    });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#resolvers.reject(new ConnectionFailure(error, this.#sent));
  }
}

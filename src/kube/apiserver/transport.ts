import { createSecureContext } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { buildConnector, Pool, type Dispatcher } from 'undici';
import { sleep, type Clock } from '../../lib/clock.ts';
import { StoreError } from '../store-error.ts';
import type { AccessHeaders, KubeAccess, TlsOptions } from './access.ts';
import { ConnectionFailure, Exchange, type ApiAnswer } from './exchange.ts';
import type { ApiHooks } from './hooks.ts';
import { retryDelayMs } from './retry.ts';
import { WatchStream } from './watch-stream.ts';

export type ContentType = 'application/json' | 'application/merge-patch+json' | 'application/apply-patch+yaml';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  /** Of the body; default `application/json`. */
  readonly contentType?: ContentType;
  /** Whether it may be carried out twice; default: only a GET. */
  readonly repeatable?: boolean;
}

export interface TransportOptions {
  readonly access: KubeAccess;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly hooks: ApiHooks;
}

/** Connections for calls. More of them wait: the server's CPU is the limit long before. */
const maxConnections = 24;
/** Less than the API server's own 90 s. */
const keepAliveMs = 60_000;
const answerTimeoutMs = 30_000;
/** Before the first keep-alive probe of TCP: a peer that is gone is found out by itself. */
const probeAfterMs = 30_000;

/** A process that was stopped meanwhile must not send what it meant to long ago: others may have taken over. */
const oversleptMs = 5_000;

/** HTTP/1.1 in any case: h2 costs more CPU a call in Node. */
const common = {
  allowH2: false,
  headersTimeout: answerTimeoutMs,
  keepAliveTimeout: keepAliveMs,
  pipelining: 1,
} as const;

/** Makes each connection with the certificates of that moment. */
function createConnector(access: KubeAccess): buildConnector.connector {
  let made: { readonly tls: TlsOptions; readonly connect: buildConnector.connector } | undefined;
  const connectorFor = (tls: TlsOptions): buildConnector.connector => {
    // One connector as long as nothing changes, though it be read anew: it remembers TLS sessions, and certificates are parsed once.
    if (!made || !isDeepStrictEqual(made.tls, tls)) {
      const { ca, cert, key, ...others } = tls;
      const secureContext = createSecureContext({ ca, cert, key });
      const tcp = { timeout: 10_000, keepAlive: true, keepAliveInitialDelay: probeAfterMs };
      made = { tls, connect: buildConnector({ ...others, ...tcp, secureContext, allowH2: false }) };
    }
    return made.connect;
  };
  return (options, callback) => {
    const fail = (error: unknown): void => callback(error instanceof Error ? error : new Error(String(error)), null);
    // What cannot be read, and certificates that are none.
    access
      .tls()
      .then(connectorFor)
      .then((connect) => connect(options, callback), fail);
  };
}

/** Requests to one API server: who asks, over which connection, how often. Disposing breaks all of them off. */
export class Transport implements AsyncDisposable {
  readonly #options: TransportOptions;
  readonly #host: string;
  readonly #basePath: string;
  readonly #calls: Pool;
  readonly #watches: Pool;
  readonly #closing = new AbortController();
  /** Request heads by content type, for the credentials that they were made of. */
  #heads = new Map<string, string[]>();
  #headsFor: AccessHeaders | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    const { origin, host, pathname } = new URL(options.access.server);
    this.#host = host;
    this.#basePath = pathname.replace(/\/+$/, '');
    const connect = createConnector(options.access);
    this.#calls = new Pool(origin, { ...common, connect, connections: maxConnections, bodyTimeout: answerTimeoutMs });
    this.#watches = new Pool(origin, { ...common, connect, bodyTimeout: 0 });
  }

  /** The answer, whatever its status. Rejects with Unavailable when there is none. */
  send(request: ApiRequest): Promise<ApiAnswer> {
    const attempt = (options: Dispatcher.DispatchOptions): Promise<ApiAnswer> => {
      const exchange = new Exchange();
      this.#calls.dispatch(options, exchange);
      return exchange.answer;
    };
    return this.#persist(request, attempt, this.#closing.signal);
  }

  /** An open watch if its status is 200. Rejects with Unavailable when there is no answer. */
  openWatch(path: string, signal: AbortSignal): Promise<WatchStream> {
    const attempt = async (options: Dispatcher.DispatchOptions): Promise<WatchStream> => {
      const stream = new WatchStream(this.#options.clock, signal);
      this.#watches.dispatch(options, stream);
      await stream.opened;
      return stream;
    };
    // Whoever watches has a backoff of its own: it waits for a server that is away.
    return this.#persist({ method: 'GET', path, repeatable: false }, attempt, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#calls.destroy(), this.#watches.destroy()]);
  }

  /** Attempts until there is an answer that counts; the last one, when there is none. */
  async #persist<A extends ApiAnswer>(request: ApiRequest, attempt: Attempt<A>, signal: AbortSignal): Promise<A> {
    const { clock } = this.#options;
    const repeatable = request.repeatable ?? request.method === 'GET';
    const startMs = clock.monotonic();
    let hasRenewed = false;
    for (let attempts = 1; ; attempts += 1) {
      const turn = { request, attempt, renew: hasRenewed, isRetry: attempts > 1 };
      const outcome: A | ConnectionFailure = await this.#attempt(turn);
      if (isUnauthorized(outcome) && !hasRenewed) {
        hasRenewed = true;
        continue;
      }
      const state = { attempts, repeatable, elapsedMs: clock.monotonic() - startMs };
      const delayMs = signal.aborted || this.#closing.signal.aborted ? undefined : retryDelayMs(outcome, state);
      if (delayMs === undefined) return answerOf(outcome);
      const wakeMs = clock.monotonic() + delayMs;
      await sleep(clock, delayMs, signal);
      if (clock.monotonic() - wakeMs > oversleptMs) return answerOf(outcome);
    }
  }

  async #attempt<A extends ApiAnswer>(turn: Turn<A>): Promise<A | ConnectionFailure> {
    const { clock, hooks } = this.#options;
    const startMs = clock.monotonic();
    const outcome = await this.#dispatch(turn);
    const code = outcome instanceof ConnectionFailure ? '<error>' : String(outcome.status);
    const durationMs = clock.monotonic() - startMs;
    hooks.onAttempt?.({ method: turn.request.method, host: this.#host, code, durationMs, isRetry: turn.isRetry });
    return outcome;
  }

  async #dispatch<A extends ApiAnswer>({ request, attempt, renew }: Turn<A>): Promise<A | ConnectionFailure> {
    try {
      const headers = this.#head(request, await this.#options.access.headers(renew));
      const { method, path, body } = request;
      const options = { method, path: this.#basePath + path, headers, ...(body !== undefined && { body }) };
      // undici would close the connection after a DELETE that has a body.
      return await attempt({ ...options, reset: false });
    } catch (error) {
      // Credentials that cannot be read are like a server that is not there: they may be readable in a moment.
      return error instanceof ConnectionFailure ? error : new ConnectionFailure(error, false);
    }
  }

  #head({ body, contentType = 'application/json' }: ApiRequest, access: AccessHeaders): string[] {
    if (this.#headsFor !== access) {
      this.#heads = new Map();
      this.#headsFor = access;
    }
    const type = body === undefined ? '' : contentType;
    let head = this.#heads.get(type);
    if (!head) {
      const typed = type === '' ? {} : { 'content-type': type };
      const all = { accept: 'application/json', 'user-agent': this.#options.userAgent, ...typed, ...access };
      head = Object.entries(all).flat();
      this.#heads.set(type, head);
    }
    return head;
  }
}

type Attempt<A> = (options: Dispatcher.DispatchOptions) => Promise<A>;

interface Turn<A> {
  readonly request: ApiRequest;
  readonly attempt: Attempt<A>;
  /** Whether the server has refused our credentials. */
  readonly renew: boolean;
  readonly isRetry: boolean;
}

function isUnauthorized(outcome: ApiAnswer | ConnectionFailure): boolean {
  return !(outcome instanceof ConnectionFailure) && outcome.status === 401;
}

function answerOf<A extends ApiAnswer>(outcome: A | ConnectionFailure): A {
  if (!(outcome instanceof ConnectionFailure)) return outcome;
  throw new StoreError('Unavailable', `no answer from the API server: ${outcome.message}`, { cause: outcome });
}

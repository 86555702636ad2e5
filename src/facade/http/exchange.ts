import type { Readable } from 'node:stream';
import type { Request, Response } from 'express';
import type { Upload } from '../extension/read-upload.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';

/** What an operation sees of a request: no express, so that it can be called from a test as from the router. */
export interface Call {
  readonly account: BrowserAccount;
  /** `{id}` of the path; empty where the path has none. */
  readonly id: string;
  readonly query: Readonly<Record<string, unknown>>;
  /** Parsed JSON; undefined when there was no body. */
  readonly body: unknown;
  /** Reads the file in the body, where the operation takes one. */
  readonly upload: () => Promise<Upload>;
  /** A header of the request by its name in lower case; several of a name are joined by commas. */
  readonly header: (name: string) => string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly requestId: string;
  /** Aborts when the client goes away before it is answered. */
  readonly clientGone: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, its type being in `headers`. Not opened for HEAD. */
  readonly stream?: { readonly length: number; readonly open: () => Readable };
  readonly headers?: Readonly<Record<string, string>>;
  /** The session that it is about, for the log. */
  readonly sessionId?: string;
}

/** One operation of the API. Every failure that the caller shall understand is a Problem. */
export type Operation = (call: Call) => Promise<Answer>;

/** What the log line and the metrics of a request say; filled in as the request goes its way. */
export interface Exchange {
  readonly requestId: string;
  /** Template, never the real path: no ids and no secrets in labels. */
  route: string;
  account?: string;
  sessionId?: string | undefined;
  /** What went wrong inside, for the log only. */
  cause?: unknown;
  readonly clientGone: AbortController;
}

const exchanges = new WeakMap<Request | Response, Exchange>();

export function beginExchange(req: Request, exchange: Exchange): void {
  exchanges.set(req, exchange);
}

export function exchangeOf(req: Request): Exchange {
  const exchange = exchanges.get(req);
  if (!exchange) throw new Error('the observing middleware comes first');
  return exchange;
}

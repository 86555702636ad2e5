import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { headers, requestIdForm } from '../../api/rest/paths.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { FacadeMetrics } from '../metrics.ts';
import { beginExchange, type Exchange } from './exchange.ts';

/** Not sent to anybody: what logs and metrics say when the client left first (nginx's word for it). */
const clientClosedRequest = 499;

export interface ObserveOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: FacadeMetrics;
}

function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && requestIdForm.test(header) ? header : randomUUID();
}

/** First in the chain: gives the request its id, and its log line and metrics once it is over. */
export function createObserve({ clock, logger, metrics }: ObserveOptions): RequestHandler {
  return (req, res, next) => {
    const startedMs = clock.monotonic();
    const requestId = requestIdOf(req.headers[headers.requestId]);
    const exchange: Exchange = { requestId, route: 'unmatched', clientGone: new AbortController() };
    beginExchange(req, exchange);
    res.setHeader(headers.requestId, requestId);
    res.once('close', () => {
      if (!res.writableFinished) exchange.clientGone.abort();
      const status = res.writableFinished ? res.statusCode : clientClosedRequest;
      const durationMs = clock.monotonic() - startedMs;
      const { route, account, sessionId, cause } = exchange;
      metrics.requestDone({ route, method: req.method, status, durationMs });
      const line = {
        requestId,
        account,
        sessionId,
        method: req.method,
        route,
        status,
        durationMs: Number(durationMs.toFixed(3)),
      };
      if (cause === undefined) logger.info(line, 'request');
      else logger.error({ ...line, err: cause }, 'request failed');
    });
    next();
  };
}

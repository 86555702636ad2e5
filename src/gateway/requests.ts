import type { IncomingMessage, ServerResponse } from 'node:http';
import { paths, ports } from '../api/agent/contract.ts';
import { requestAgent } from './agent-request.ts';
import { answerText } from './answer.ts';
import type { Admitted, Door } from './door.ts';
import { passFrontend, tokenFromCookie } from './frontend.ts';
import { passJson, toJsonPath } from './json-endpoints.ts';
import type { PublicAddress } from './json-answers.ts';
import { answerLive, type LiveOptions, type LiveRoute } from './live/answer-live.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { GatewayOptions } from './options.ts';
import { refusals, type Refusal } from './refusal.ts';
import { parseRoute, parseUrl, type RequestUrl, type Route } from './routes.ts';

export type RequestsOptions = Pick<GatewayOptions, 'tickets' | 'agentPort' | 'clock' | 'logger'> &
  LiveOptions & {
    readonly door: Door;
    readonly metrics: GatewayMetrics;
    /** What anybody may read; undefined while no sandbox is there to be asked. */
    readonly publicProtocol: () => Promise<string | undefined>;
    /** Known only once the server listens. */
    readonly publicBase: () => string;
  };

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: RequestUrl;
}

/** Handles plain HTTP: what DevTools clients ask before they open a WebSocket, the DevTools front-end, the live view page. */
export function createRequests(options: RequestsOptions) {
  const { metrics, logger } = options;
  return (request: IncomingMessage, response: ServerResponse): void => {
    const url = parseUrl(request.url ?? '/');
    answer(options, { request, response, url })
      .catch((err: unknown) => {
        logger.warn({ err }, 'a request to a sandbox failed');
        return refusals.browserUnreachable;
      })
      .then((refusal) => {
        if (!refusal) return;
        metrics.refused(refusal.because);
        if (response.headersSent) response.destroy();
        else answerText(response, refusal);
      })
      .catch((err: unknown) => logger.error({ err }, 'a request could not be answered'));
  };
}

/** Resolves with a refusal, or with nothing when it was answered. */
async function answer(options: RequestsOptions, exchange: Exchange): Promise<Refusal | undefined> {
  const { request, url } = exchange;
  if (request.method !== 'GET' && request.method !== 'PUT') return refusals.method;
  const route = parseRoute(url.path);
  switch (route?.kind) {
    case undefined:
      return refusals.noPath;
    case 'livePage':
    case 'liveState':
    case 'liveAsset':
      return answerLive(options, exchange, route);
    case 'live':
      return refusals.notWebSocket;
    case 'json':
      return (await answerProtocol(options, exchange, route)) ? undefined : answerFromAgent(options, exchange, route);
    case 'frontend':
      return answerFromAgent(options, exchange, route);
    case 'browser':
    case 'page': {
      const admitted = await knock(options, exchange, route);
      return admitted.kind === 'refused' ? admitted : refusals.notWebSocket;
    }
  }
}

function knock(
  { door }: RequestsOptions,
  { request, url }: Exchange,
  route: Exclude<Route, LiveRoute>,
): Promise<Admitted | Refusal> {
  const { authorization, cookie } = request.headers;
  const token = url.token ?? (route.kind === 'frontend' ? tokenFromCookie(cookie) : undefined);
  const isHint = route.kind === 'browser' && route.isHint;
  return door({ token, authorization, sessionUid: route.sessionUid, isHint, scopes: ['cdp'] });
}

/** Resolves with whether it was answered; who names a session or a key gets that session's own. */
async function answerProtocol(
  { publicProtocol }: RequestsOptions,
  { request, response, url }: Exchange,
  { endpoint, sessionUid }: Extract<Route, { kind: 'json' }>,
): Promise<boolean> {
  const isAnonymous = sessionUid === undefined && url.token === undefined && !request.headers.authorization;
  const body = endpoint.name === 'protocol' && isAnonymous ? await publicProtocol() : undefined;
  if (body === undefined) return false;
  response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8', 'cache-control': 'no-store' }).end(body);
  return true;
}

async function answerFromAgent(
  options: RequestsOptions,
  exchange: Exchange,
  route: Extract<Route, { kind: 'json' | 'frontend' }>,
): Promise<Refusal | undefined> {
  const admitted = await knock(options, exchange, route);
  if (admitted.kind === 'refused') return admitted;
  const { request, response, url } = exchange;
  const { sessionUid, token } = admitted;
  const ownPath = route.kind === 'json' ? toJsonPath(route.endpoint) : `/devtools/${route.file}`;
  const answer = await askAgent(options, admitted, {
    method: request.method ?? 'GET',
    path: `${paths.cdp}${ownPath}${route.kind === 'json' && url.query !== '' ? `?${url.query}` : ''}`,
    response,
  });
  const address: PublicAddress = { base: options.publicBase(), sessionUid, token };
  if (route.kind === 'json') await passJson(route.endpoint, { answer, response, address });
  else await passFrontend(answer, response, address);
  return undefined;
}

interface AgentCall {
  readonly method: string;
  readonly path: string;
  readonly response: ServerResponse;
}

function askAgent(
  { tickets, clock, agentPort = ports.agent }: RequestsOptions,
  { podIp, podUid, sessionUid }: Admitted,
  { method, path, response }: AgentCall,
): Promise<IncomingMessage> {
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  const ticket = tickets.ticketFor({ podUid, sessionUid, purpose: 'cdp' });
  return requestAgent({
    to: { host: podIp, port: agentPort },
    method,
    path,
    ticket,
    clock,
    signal: abort.signal,
  });
}

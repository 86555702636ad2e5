import type { IncomingMessage, ServerResponse } from 'node:http';
import { readCredentials } from '../access.ts';
import type { GatewayOptions } from '../options.ts';
import { refusals, type Refusal } from '../refusal.ts';
import type { RequestUrl, Route } from '../routes.ts';
import type { LiveAssets } from './assets.ts';
import { pageHeaders } from './headers.ts';
import { readLiveState, type LiveStateOptions } from './state.ts';

export type LiveRoute = Extract<Route, { kind: 'livePage' | 'liveState' | 'liveAsset' }>;

export type LiveOptions = LiveStateOptions &
  Pick<GatewayOptions, 'tokenKey' | 'frameAncestors'> & { readonly liveAssets: LiveAssets };

interface LiveExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: RequestUrl;
}

/** Resolves with a refusal, or with nothing when it was answered. A page for people: whatever is wrong with its address, nothing is there. */
export async function answerLive(
  options: LiveOptions,
  exchange: LiveExchange,
  route: LiveRoute,
): Promise<Refusal | undefined> {
  if (exchange.request.method !== 'GET') return refusals.method;
  if (route.kind === 'liveAsset') return sendAsset(options, exchange, route);
  const { claims } = readCredentials(
    { token: exchange.url.token, authorization: undefined },
    options.tokenKey,
    options.clock.now(),
  );
  if (claims?.subject !== route.sessionUid) return refusals.noSession;
  const isReadOnly = claims.scope === 'live-readonly';
  if (!isReadOnly && claims.scope !== 'live') return refusals.noSession;
  if (route.kind === 'livePage') sendPage(options, exchange);
  else await sendState(options, exchange, { sessionUid: route.sessionUid, isReadOnly });
  return undefined;
}

/** The page is the same for everybody, and says itself when the session is over: a link that is shared early or late explains itself. */
function sendPage({ liveAssets, frameAncestors = [] }: LiveOptions, { response, url }: LiveExchange): void {
  // The page's address may end in a slash, and a proxy may have put something before it.
  const up = url.path.endsWith('/') ? '..' : '.';
  response.writeHead(200, pageHeaders(frameAncestors)).end(liveAssets.page(`${up}/assets/${liveAssets.version}`));
}

async function sendState(
  options: LiveOptions,
  { response }: LiveExchange,
  question: { readonly sessionUid: string; readonly isReadOnly: boolean },
): Promise<void> {
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  const state = await readLiveState(options, { ...question, signal: abort.signal });
  const headers = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  response.writeHead(200, headers).end(JSON.stringify(state));
}

/** Everybody's, and never another: kept for as long as a browser likes. */
function sendAsset(
  { liveAssets }: LiveOptions,
  { request, response }: LiveExchange,
  { version, name }: Extract<LiveRoute, { kind: 'liveAsset' }>,
): Refusal | undefined {
  const asset = version === liveAssets.version ? liveAssets.find(name) : undefined;
  if (!asset) return refusals.noPath;
  const takesGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  response.writeHead(200, {
    'content-type': asset.type,
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    vary: 'accept-encoding',
    ...(takesGzip && { 'content-encoding': 'gzip' }),
  });
  response.end(takesGzip ? asset.gzipped : asset.body);
  return undefined;
}

import type { Socket } from 'node:net';
import type { EgressError } from './egress-error.ts';
import type { Target } from './target.ts';
import type { Upstream } from './upstream.ts';

/** What every way of relaying needs. */
export interface RelayOptions {
  readonly upstream: Upstream;
  /** Called once for each request that did not go out. */
  readonly onProblem: (error: EgressError, target: Target | undefined) => void;
}

/** Response and request heads that Chromium accepts may be this long: `kMaxHeaderBufSize` in net/http/http_stream_parser.h. */
export const maxHeaderBytes = 256 * 1024;

/** Aborts when the browser's connection ends. */
export function abortWith(client: Socket): AbortSignal {
  const gone = new AbortController();
  // With a reason of its own: the default is an exception with a stack, made for every connection.
  client.once('close', () => gone.abort('gone'));
  return gone.signal;
}

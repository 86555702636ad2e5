import type { OnReadOpts, Socket } from 'node:net';
import type { EgressCode } from './egress-error.ts';
import type { Target } from './target.ts';

export interface OpenOptions {
  /** Once it aborts nothing is left open. */
  readonly signal: AbortSignal;
  /** Takes what arrives instead of the stream of the connection, without a new buffer for every read. */
  readonly onread?: OnReadOpts;
}

/** How the plain HTTP requests of one connection of the browser go. */
export interface Carriage {
  /** Connects for requests to `target`: to itself, or to a proxy that is to be asked for it. Rejects with an EgressError. */
  readonly open: (target: Target, options: OpenOptions) => Promise<Socket>;
  /** Whether the other side is a proxy, which takes whole URLs. */
  readonly isProxied: boolean;
  /** Header fields for the other side alone, name and value in turns. */
  readonly headers: readonly string[];
  /** Looks at the status of each answer; what it gives is told instead of the answer. */
  judge(status: number): EgressCode | undefined;
}

/**
 * A way of forwarding: how the connection to a target comes to be. Whoever asks speaks to the target on it, as if there were
 * nothing in between.
 */
export interface Upstream {
  /** Rejects with an EgressError: not permitted, not resolved, not reached. */
  readonly open: (target: Target, options: OpenOptions) => Promise<Socket>;
  /** For a new connection of the browser. */
  readonly carry: () => Carriage;
}

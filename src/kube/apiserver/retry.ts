import { createBackoff } from '../../lib/backoff.ts';

/** How one attempt at a request went. */
export interface AttemptOutcome {
  /** Absent: the connection failed. */
  readonly status?: number;
  /** What the server asks for by Retry-After. */
  readonly retryAfterMs?: number | undefined;
  /** Whether any of it may have reached the server; absent: it has. */
  readonly sent?: boolean;
}

export interface RetryState {
  /** How many attempts there have been, this one included. */
  readonly attempts: number;
  readonly elapsedMs: number;
  /** Whether the request may be carried out twice. */
  readonly repeatable: boolean;
}

/** As many as client-go makes. */
const maxAttempts = 11;
/** How long a caller waits for a server that asks for patience, and for one that is not there. */
const patienceMs = 30_000;
const absencePatienceMs = 10_000;

/** A server that starts is back within a second or two. */
const backoff = createBackoff({ baseMs: 100, capMs: 2_000, random: Math.random });

/**
 * How long to wait before the same request is sent again; undefined: it has failed. A server that says when to come back has
 * not carried the request out; one that breaks off may have.
 */
export function retryDelayMs(outcome: AttemptOutcome, state: RetryState): number | undefined {
  if (state.attempts >= maxAttempts) return undefined;
  const wait = wishedDelayMs(outcome, state);
  return wait !== undefined && state.elapsedMs + wait.delayMs <= wait.patienceMs ? wait.delayMs : undefined;
}

interface Wait {
  readonly delayMs: number;
  readonly patienceMs: number;
}

function wishedDelayMs({ status, retryAfterMs, sent = true }: AttemptOutcome, state: RetryState): Wait | undefined {
  const backOff: Wait = { delayMs: backoff(state.attempts - 1), patienceMs: absencePatienceMs };
  if (status === undefined) return !sent || state.repeatable ? backOff : undefined;
  const isBusy = status === 429;
  if (!isBusy && status < 500) return undefined;
  if (retryAfterMs !== undefined) return { delayMs: retryAfterMs, patienceMs };
  return isBusy || state.repeatable ? backOff : undefined;
}

/** Seconds, as the API server says it; a date, which it never does, is taken for one second. */
export function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  return /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : 1_000;
}

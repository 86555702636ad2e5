import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { timeoutBoundsMs, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { annotations } from '../../api/v1alpha1/group.ts';
import { parseTime } from '../../lib/time.ts';
import type { SessionInput } from './input.ts';

export interface ExpiryInput {
  readonly session: BrowserSession;
  readonly account: BrowserAccount | undefined;
  /** The last activity known of; absent: none since it became ready. */
  readonly lastActiveAtMs: number | undefined;
}

/** When a session ends if nothing more happens. All in epoch milliseconds. */
export interface Expiry {
  readonly lifetimeEndsAtMs: number;
  /** The earliest moment at which it can be idle, as far as is known without asking the agent. */
  readonly idleLookAtMs: number;
}

export function expiryOf({ session, account, lastActiveAtMs }: ExpiryInput): Expiry {
  const { status, metadata } = session;
  const createdAtMs = parseTime(metadata.creationTimestamp) ?? 0;
  const readyAtMs = parseTime(status?.readyAt) ?? createdAtMs;
  return {
    lifetimeEndsAtMs: createdAtMs + lifetimeMsOf(session, account),
    idleLookAtMs: (lastActiveAtMs ?? readyAtMs) + idleTimeoutMsOf(session, account),
  };
}

/** By when somebody must have used it (epoch milliseconds), where whoever made it wants that; Infinity elsewhere. */
export function useDueAtMs({ metadata, status }: BrowserSession): number {
  const withinMs = metadata.annotations?.[annotations.useWithinMs] ?? '';
  const readyAtMs = parseTime(status?.readyAt);
  return readyAtMs !== undefined && /^\d{1,9}$/.test(withinMs) ? readyAtMs + Number(withinMs) : Infinity;
}

/** The shorter of what the session asks for and what its account allows. */
export function lifetimeMsOf(session: BrowserSession, account: BrowserAccount | undefined): number {
  const allowedMs = account?.spec.limits.maxLifetimeMs ?? timeoutBoundsMs.max;
  return Math.min(session.spec.maxLifetimeMs ?? allowedMs, allowedMs);
}

/** The shorter of what the session asks for and what its account allows. */
export function idleTimeoutMsOf(session: BrowserSession, account: BrowserAccount | undefined): number {
  return Math.min(session.spec.idleTimeoutMs, account?.spec.limits.maxIdleTimeoutMs ?? timeoutBoundsMs.max);
}

const defaultStartupDeadlineMs = 30_000;

/** Milliseconds until the session's sandbox is given up. Time during which nobody led, and nothing could be done for it, does not count. */
export function untilStartupDeadlineMs({
  pool,
  admittedAtMs,
  leadingSinceMs,
  nowMs,
}: Pick<SessionInput, 'pool' | 'admittedAtMs' | 'leadingSinceMs' | 'nowMs'>): number {
  const sinceMs = Math.max(admittedAtMs ?? nowMs, leadingSinceMs);
  return sinceMs + (pool?.spec.template.startupDeadlineMs ?? defaultStartupDeadlineMs) - nowMs;
}

import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { idleTimeoutMsOf, lifetimeMsOf } from '../../core/session/times.ts';
import { parseTime } from '../../lib/time.ts';

/** All in epoch milliseconds. */

export function createdAtMs(session: BrowserSession): number {
  return Date.parse(session.metadata.creationTimestamp);
}

/** When the session ends however active it is; its tokens are good until then. */
export function lifetimeEndMs(session: BrowserSession, account: BrowserAccount): number {
  return createdAtMs(session) + lifetimeMsOf(session, account);
}

/** When the session ends if nothing more happens and its last activity was at `lastActivityMs`. */
export function expiryMs(session: BrowserSession, account: BrowserAccount, lastActivityMs: number): number {
  // Agents tell time in fractions, and the contract has whole milliseconds.
  return Math.round(Math.min(lastActivityMs + idleTimeoutMsOf(session, account), lifetimeEndMs(session, account)));
}

/** The best answer without asking the agent: what the operator last wrote, else counted from creation. */
export function recordedExpiryMs(session: BrowserSession, account: BrowserAccount): number {
  return parseTime(session.status?.expiresAt) ?? expiryMs(session, account, createdAtMs(session));
}

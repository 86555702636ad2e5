import type { SessionStatus, SessionView } from '../../api/rest/session.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { signToken } from '../../lib/signed-token.ts';
import { proxyFactsOf, type ProxyFacts } from './proxy.ts';
import { createdAtMs, lifetimeEndMs } from './times.ts';

/** A session as it was when it became ready; all that an answer says, but its tokens. Fit to be stored. */
export interface SessionFacts extends ProxyFacts {
  readonly id: string;
  readonly status: SessionStatus;
  readonly capabilities: BrowserSession['spec']['capabilities'];
  readonly extensions: readonly string[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** When its tokens end. */
  readonly lifetimeEndMs: number;
}

export type LiveScope = 'live' | 'live-readonly';

/** Turns facts into answers: signs the tokens. */
export interface Presenter {
  session(facts: SessionFacts): SessionView;
  liveViewUrl(facts: Pick<SessionFacts, 'id' | 'lifetimeEndMs'>, scope: LiveScope): string;
}

/** undefined: ended, which over REST is the same as not there. */
export function statusOf({ metadata, status }: BrowserSession): SessionStatus | undefined {
  if (status?.phase === 'Ended') return undefined;
  if (metadata.deletionTimestamp !== undefined) return 'terminating';
  switch (status?.phase) {
    case 'Starting':
      return 'starting';
    case 'Ready':
      return 'ready';
    case 'Terminating':
      return 'terminating';
    case 'Pending':
    case undefined:
      return 'pending';
  }
}

export interface FactsInput {
  readonly session: BrowserSession;
  readonly account: BrowserAccount;
  readonly expiresAtMs: number;
}

export function factsOf({ session, account, expiresAtMs }: FactsInput): SessionFacts {
  return {
    id: session.metadata.uid,
    status: statusOf(session) ?? 'terminating',
    capabilities: session.spec.capabilities,
    extensions: session.spec.extensions,
    ...proxyFactsOf(session),
    createdAtMs: createdAtMs(session),
    expiresAtMs,
    lifetimeEndMs: lifetimeEndMs(session, account),
  };
}

export interface PresenterOptions {
  readonly tokenKey: Buffer;
  /** Where CDP clients reach the gateway, e.g. `wss://cdp.example.com`. */
  readonly publicCdpUrl: string;
  /** Where live view pages are, e.g. `https://live.example.com`. */
  readonly publicLiveUrl: string;
}

export function createPresenter({ tokenKey, publicCdpUrl, publicLiveUrl }: PresenterOptions): Presenter {
  const cdpBase = publicCdpUrl.replace(/\/+$/, '');
  const liveBase = publicLiveUrl.replace(/\/+$/, '');
  const token = (facts: Pick<SessionFacts, 'id' | 'lifetimeEndMs'>, scope: string): string =>
    signToken(tokenKey, { subject: facts.id, scope, expiresAtMs: facts.lifetimeEndMs });
  const liveViewUrl: Presenter['liveViewUrl'] = (facts, scope) =>
    `${liveBase}/${facts.id}?token=${token(facts, scope)}`;
  return {
    liveViewUrl,
    session: (facts) => ({
      id: facts.id,
      status: facts.status,
      cdpUrl: `${cdpBase}/sessions/${facts.id}?token=${token(facts, 'cdp')}`,
      liveViewUrl: liveViewUrl(facts, 'live'),
      capabilities: [...facts.capabilities],
      extensions: [...facts.extensions],
      ...(facts.proxyUrl !== undefined && { proxyUrl: facts.proxyUrl }),
      ...(facts.proxy && { proxy: { enabled: true, ...facts.proxy } }),
      createdAt: facts.createdAtMs,
      expiresAt: facts.expiresAtMs,
    }),
  };
}

import { Problem } from '../../api/rest/problem.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { annotations, apiVersion, labels } from '../../api/v1alpha1/group.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import type { GaveUp, Patience } from './patience.ts';
import { keepProxyUrl, proxyAnnotationsOf } from './proxy.ts';
import { refusalOf } from './refusal.ts';
import { buildSessionSpec, type SessionOrder } from './request.ts';
import type { Sighting, SessionWatch } from './watch.ts';

export interface AttemptInput {
  readonly name: string;
  readonly account: BrowserAccount;
  readonly order: SessionOrder;
  readonly patience: Patience;
}

/** How one try at a session ended. A session that did not become ready is still to be removed. */
export type Attempt =
  | { readonly kind: 'ready'; readonly session: BrowserSession }
  | { readonly kind: 'ended'; readonly session: BrowserSession; readonly problem: Problem }
  | { readonly kind: 'gone'; readonly session: BrowserSession; readonly problem: Problem }
  | { readonly kind: 'gaveUp'; readonly session: BrowserSession | undefined; readonly problem: Problem };

/** Creates a session, or takes up the one of that name, and waits until it is ready or never will be. */
export type AttemptSession = (input: AttemptInput) => Promise<Attempt>;

export interface AttemptOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly watch: SessionWatch;
  /** Milliseconds; for the message of a 503 only, the patience has its own. */
  readonly createDeadlineMs: number;
}

const longestLabel = 63;
/** How long after Ready a session stays when this process dies before it could answer. */
export const useWithinMs = 15_000;

function buildSession(namespace: string, { name, account, order }: AttemptInput): NewObject<BrowserSession> {
  const accountName = account.metadata.name;
  return {
    apiVersion,
    kind: 'BrowserSession',
    metadata: {
      name,
      namespace,
      ...(accountName.length > longestLabel ? {} : { labels: { [labels.account]: accountName } }),
      // The answer says how to attach: no Secret has to.
      annotations: {
        [annotations.binding]: 'none',
        [annotations.useWithinMs]: String(useWithinMs),
        ...proxyAnnotationsOf(order),
      },
    },
    spec: buildSessionSpec(name, order, account),
  };
}

function isDecided({ metadata, status }: BrowserSession): boolean {
  return metadata.deletionTimestamp !== undefined || status?.phase === 'Ready' || status?.phase === 'Ended';
}

function gaveUpProblem(why: GaveUp | undefined, createDeadlineMs: number): Problem {
  const because =
    why === 'shutdown'
      ? 'Porthole is restarting; try again.'
      : `The browser was not usable within ${createDeadlineMs / 1000} s; try again.`;
  return new Problem('sandbox_failed', because);
}

function deletedProblem(): Problem {
  return new Problem('sandbox_failed', 'The session was deleted before its browser was usable; try again.');
}

export function createAttempt({ store, namespace, watch, createDeadlineMs }: AttemptOptions): AttemptSession {
  const createOrAdopt = async (wanted: NewObject<BrowserSession>): Promise<BrowserSession> => {
    for (;;) {
      try {
        return await store.create(browserSessions, wanted);
      } catch (error) {
        if (!isStoreError(error, 'AlreadyExists')) throw await undone(wanted, error);
      }
      const existing = await store.get(browserSessions, wanted.metadata);
      if (existing) return existing;
    }
  };
  /** A create whose answer got lost may have happened all the same. */
  const undone = async (wanted: NewObject<BrowserSession>, error: unknown): Promise<unknown> => {
    if (isStoreError(error, 'Unavailable')) await store.delete(browserSessions, wanted.metadata).catch(() => undefined);
    return error;
  };
  /** Nothing is left of a session whose Secret could not be made. */
  const keepSecrets = async (session: BrowserSession, { proxyUrl }: SessionOrder): Promise<void> => {
    if (proxyUrl === undefined) return;
    try {
      await keepProxyUrl(store, session, proxyUrl);
    } catch (error) {
      const { uid } = session.metadata;
      await store.delete(browserSessions, session.metadata, { uid }).catch(() => undefined);
      throw error;
    }
  };
  const toAttempt = (sighting: Sighting, session: BrowserSession, why: GaveUp | undefined): Attempt => {
    if (sighting.kind === 'aborted') return { kind: 'gaveUp', session, problem: gaveUpProblem(why, createDeadlineMs) };
    if (sighting.kind === 'gone') return { kind: 'gone', session, problem: deletedProblem() };
    const seen = sighting.session;
    if (seen.metadata.deletionTimestamp !== undefined)
      return { kind: 'ended', session: seen, problem: deletedProblem() };
    if (seen.status?.phase === 'Ended') return { kind: 'ended', session: seen, problem: refusalOf(seen) };
    return { kind: 'ready', session: seen };
  };
  return async (input) => {
    const { patience, name } = input;
    if (patience.signal.aborted)
      return { kind: 'gaveUp', session: undefined, problem: gaveUpProblem(patience.gaveUp, createDeadlineMs) };
    using followed = watch.follow(name);
    const session = await createOrAdopt(buildSession(namespace, input));
    await keepSecrets(session, input.order);
    const sighting = await followed.wait(session.metadata.uid, isDecided, patience.signal);
    return toAttempt(sighting, session, patience.gaveUp);
  };
}

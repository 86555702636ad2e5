import type { BrowserAccount } from '../api/v1alpha1/browser-account.ts';
import { browserSessions, type BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { pods } from '../kube/builtins.ts';
import type { GatewayOptions } from './options.ts';

/** Where a session's browser is. The address is the pod's own: none is ever taken from a request. */
export interface Sandbox {
  readonly podUid: string;
  readonly podIp: string;
}

export type Found =
  | {
      readonly kind: 'ready';
      readonly session: BrowserSession;
      readonly account: BrowserAccount;
      readonly sandbox: Sandbox;
    }
  | { readonly kind: 'starting' }
  | { readonly kind: 'none' };

export type Stage = 'ready' | 'starting' | 'over';

/** What of a session's life a client at the door needs to know. */
export function stageOf({ metadata, status }: Pick<BrowserSession, 'metadata' | 'status'>): Stage {
  if (metadata.deletionTimestamp !== undefined) return 'over';
  switch (status?.phase) {
    case undefined:
    case 'Pending':
    case 'Starting':
      return 'starting';
    case 'Ready':
      return status.sandbox ? 'ready' : 'starting';
    case 'Terminating':
    case 'Ended':
      return 'over';
  }
}

/** How long a client that comes too early waits, in milliseconds. */
const startWaitMs = 2_000;

export type Resolve = (sessionUid: string) => Promise<Found>;

export type ResolveOptions = Pick<GatewayOptions, 'sessions' | 'pods' | 'accounts' | 'store' | 'namespace' | 'clock'>;

/** Session → pod, by the informers; where these may lag, by one look at the store itself. */
export function createResolve(options: ResolveOptions): Resolve {
  const { sessions, accounts } = options;
  const listAgain = createListAgain(options);
  return async (sessionUid) => {
    const session = await findSession(options, listAgain, sessionUid);
    if (!session) return { kind: 'none' };
    const { namespace } = session.metadata;
    const account = accounts.get({ namespace, name: session.spec.accountRef.name });
    if (!account || stageOf(session) === 'over') return { kind: 'none' };
    if (stageOf(session) === 'starting') return { kind: 'starting' };
    const sandbox = await findSandbox(options, session);
    // It may have ended in the meantime; what the informer has not seen yet cannot be told from that, so it counts as alive.
    const now = sessions.byUid(sessionUid);
    if (!sandbox || (now && stageOf(now) === 'over')) return { kind: 'none' };
    return { kind: 'ready', session, account, sandbox };
  };
}

async function findSession(
  options: ResolveOptions,
  listAgain: () => Promise<readonly BrowserSession[]>,
  sessionUid: string,
): Promise<BrowserSession | undefined> {
  const { sessions, store } = options;
  const known = sessions.byUid(sessionUid);
  if (!isComing(known)) return known;
  const found = known
    ? await store.get(browserSessions, known.metadata)
    : (await listAgain()).find((s) => s.metadata.uid === sessionUid);
  if (found?.metadata.uid !== sessionUid) return undefined;
  if (!isComing(found)) return found;
  const seen = sessions.byUid(sessionUid);
  return isComing(seen) ? ((await untilStarted(options, sessionUid)) ?? found) : seen;
}

/** Unknown to the informer, or not ready by what it knows: it may lag. */
function isComing(session: BrowserSession | undefined): boolean {
  return !session || stageOf(session) === 'starting';
}

/** The session as soon as it is ready or over; what is known of it when the wait is over. */
function untilStarted({ sessions, clock }: ResolveOptions, sessionUid: string): Promise<BrowserSession | undefined> {
  return new Promise((resolve) => {
    const done = (): void => {
      watch[Symbol.dispose]();
      timer[Symbol.dispose]();
      resolve(sessions.byUid(sessionUid));
    };
    const watch = sessions.onChange(({ type, object }) => {
      if (object.metadata.uid === sessionUid && (type === 'deleted' || stageOf(object) !== 'starting')) done();
    });
    const timer = clock.schedule(startWaitMs, done);
  });
}

async function findSandbox(
  { pods: known, store }: ResolveOptions,
  { metadata: { namespace }, status }: BrowserSession,
): Promise<Sandbox | undefined> {
  const { podName: name, podUID: podUid } = status?.sandbox ?? {};
  if (name === undefined || podUid === undefined) return undefined;
  const key = { namespace, name };
  const isIt = (pod: ReturnType<typeof known.get>): boolean => pod?.metadata.uid === podUid && !!pod.status?.podIP;
  const cached = known.get(key);
  const pod = isIt(cached) ? cached : await store.get(pods, key);
  const podIp = pod?.status?.podIP;
  return podIp !== undefined && isIt(pod) ? { podUid, podIp } : undefined;
}

/**
 * Lists the sessions for everybody who asks while it waits its turn: one list at a time, however many come. Whoever asks while
 * one is under way gets the next, as that one may have begun too early for him.
 */
function createListAgain({
  store,
  namespace,
}: Pick<ResolveOptions, 'store' | 'namespace'>): () => Promise<readonly BrowserSession[]> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<readonly BrowserSession[]> | undefined;
  return () => {
    next ??= running.then(() => {
      next = undefined;
      const list = store.list(browserSessions, { namespace }).then(({ items }) => items);
      running = list.catch(() => undefined);
      return list;
    });
    return next;
  };
}

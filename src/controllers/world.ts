import type { BrowserAccount } from '../api/v1alpha1/browser-account.ts';
import { browserAccounts } from '../api/v1alpha1/browser-account.ts';
import { browserExtensions, type BrowserExtension } from '../api/v1alpha1/browser-extension.ts';
import { browserPools, type BrowserPool } from '../api/v1alpha1/browser-pool.ts';
import { browserSessions, type BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { proxyProviders, type ProxyProvider } from '../api/v1alpha1/proxy-provider.ts';
import { hasLeft } from '../core/session/has-left.ts';
import { labels } from '../api/v1alpha1/group.ts';
import { keptOfPod } from '../core/pods/kept.ts';
import { PoolBook } from '../core/pool/book.ts';
import { QuotaLedger } from '../core/quota/ledger.ts';
import { pods } from '../kube/builtins.ts';
import { createExpectations, type Expectations } from '../kube/controller/expectations.ts';
import { createInformer } from '../kube/controller/informer.ts';
import type { Change, Informer } from '../kube/controller/port.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Resource } from '../lib/resource.ts';
import type { Logger } from '../lib/logger.ts';
import { parseTime } from '../lib/time.ts';
import { watchRuntimeHandlers, type RuntimeHandlers } from './runtime-handlers.ts';
import { LateGrants } from './session/late-grants.ts';
import type { OwnWrites } from './session/own-writes.ts';

/** Index names of the informers. */
export const indexes = { account: 'account', pending: 'pending', sessionUid: 'session-uid', sha256: 'sha256' } as const;

/** Pods as the operator sees them. */
export const sandboxPods: Resource<Pod> = { ...pods, keep: keptOfPod };

export const defaultPoolName = 'default';

export interface WorldOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly writes: OwnWrites;
  /** A session was admitted above its account's limit, not by this operator. */
  readonly onSurplus: (session: BrowserSession) => void;
}

/** A change of a pod, and the session that it was promised to before or is now. */
export type PodHandler = (change: Change<Pod>, ownerUid: string | undefined) => void;

/** What the operator sees: copies of the objects, and the two books derived from them. */
export interface World extends Omit<RuntimeHandlers, 'informer'> {
  readonly sessions: Informer<BrowserSession>;
  readonly accounts: Informer<BrowserAccount>;
  readonly pools: Informer<BrowserPool>;
  readonly pods: Informer<Pod>;
  readonly providers: Informer<ProxyProvider>;
  readonly extensions: Informer<BrowserExtension>;
  /** Calls `handler` for every change of a pod from now on, once the book has taken note of it. */
  readonly onPodChange: (handler: PodHandler) => void;
  readonly ledger: QuotaLedger;
  readonly book: PoolBook;
  /** Pods, by name, that a pool has asked for and no watch has shown yet. */
  readonly expectations: Expectations;
  readonly synced: Promise<void>;
  /** Monotonic ms since which every kind has been heard of. */
  readonly lastContactMs: number;
}

export function createWorld({ store, writes, onSurplus, ...options }: WorldOptions): World {
  const accountOf = (s: BrowserSession): string[] => [s.spec.accountRef.name];
  const isPending = (s: BrowserSession): boolean =>
    (s.status?.phase ?? 'Pending') === 'Pending' && !s.metadata.deletionTimestamp;
  // Pods first: when sessions are read, the sandboxes that their status names are in the book.
  const podInformer = createInformer(store, sandboxPods, {
    ...options,
    indexes: { [indexes.sessionUid]: (pod) => valueOf(pod.metadata.labels?.[labels.sessionUid]) },
  });
  const sessions = createInformer(store, browserSessions, {
    ...options,
    indexes: { [indexes.account]: accountOf, [indexes.pending]: (s) => (isPending(s) ? accountOf(s) : []) },
  });
  const accounts = createInformer(store, browserAccounts, options);
  const pools = createInformer(store, browserPools, options);
  const providers = createInformer(store, proxyProviders, options);
  const extensions = createInformer(store, browserExtensions, {
    ...options,
    indexes: { [indexes.account]: ({ spec }) => [spec.accountRef.name], [indexes.sha256]: ({ spec }) => [spec.sha256] },
  });
  const { informer: classes, ...runtimeHandlers } = watchRuntimeHandlers(store, options);
  const ledger = new QuotaLedger();
  const book = new PoolBook();
  const expectations = createExpectations({ clock: options.clock });
  const podHandlers: PodHandler[] = [];
  podInformer.onChange((change) => {
    const { name, uid, labels: podLabels } = change.object.metadata;
    const ownerBefore = book.sessionOf(uid);
    expectations.observed(name);
    if (change.type === 'deleted') book.forget(uid);
    else if (podLabels?.[labels.pool] || book.poolOf(uid) !== undefined) book.observe(change.object);
    for (const handler of podHandlers) handler(change, book.sessionOf(uid) ?? ownerBefore);
  });
  const late = new LateGrants({ accounts, sessions, ledger, onSurplus });
  sessions.onChange((change) => {
    if (change.type === 'deleted') ledger.release(change.object.metadata.uid);
    // What the watch shows may be older than what was written here: a session that has ended holds nothing any more.
    else observeSession({ ledger, book, late }, writes.newest(change.object));
  });
  sessions.synced.then(
    () => late.begin(),
    () => undefined,
  );
  const informers = [podInformer, sessions, accounts, pools, providers, extensions, classes];
  const synced = Promise.all(informers.map((informer) => informer.synced)).then(() => {
    // Their sandboxes may have been listed after them.
    for (const session of sessions.list()) observeSession({ ledger, book, late }, writes.newest(session));
    late.weighAll();
  });
  const onPodChange = (handler: PodHandler): void => void podHandlers.push(handler);
  return {
    ...runtimeHandlers,
    ...{ sessions, accounts, pools, providers, extensions, pods: podInformer },
    ...{ onPodChange, ledger, book, expectations, synced },
    get lastContactMs() {
      return Math.min(...informers.map((informer) => informer.lastContactMs));
    },
  };
}

/** The books follow the session's own status; what is promised but not yet written stays as it is. */
function observeSession(
  { ledger, book, late }: Pick<World, 'ledger' | 'book'> & { readonly late: LateGrants },
  session: BrowserSession,
): void {
  const { metadata, status } = session;
  if (hasLeft(session)) {
    ledger.release(metadata.uid);
    return;
  }
  if (status?.admittedAt) late.observe(session, parseTime(status.admittedAt) ?? 0);
  if (status?.sandbox) book.assign(status.sandbox.podUID, metadata.uid);
}

function valueOf(text: string | undefined): string[] {
  return text ? [text] : [];
}

export function poolNameOf(session: BrowserSession, account: BrowserAccount | undefined): string {
  return session.spec.poolRef?.name ?? account?.spec.limits.pools?.[0] ?? defaultPoolName;
}

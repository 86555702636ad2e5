import { browserAccounts, type BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { apiKeyHashesOf, apiKeyIndex } from '../../facade/http/authenticate.ts';
import { accountIndex, accountNamesOf } from '../../facade/session/lookup.ts';
import { pods as podKind } from '../../kube/builtins.ts';
import { createInformer, type InformerOptions } from '../../kube/controller/informer.ts';
import type { Informer } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { Pod } from '../../lib/kubernetes.ts';

/** What facade and gateway know of the world. */
export interface WatchedObjects {
  readonly sessions: Informer<BrowserSession>;
  readonly accounts: Informer<BrowserAccount>;
  readonly pods: Informer<Pod>;
}

export type WatchingOptions = Pick<InformerOptions<never>, 'clock' | 'logger' | 'signal'> & {
  readonly namespace: string;
};

export function watchObjects(store: Store, watching: WatchingOptions): WatchedObjects {
  return {
    sessions: createInformer(store, browserSessions, { ...watching, indexes: { [accountIndex]: accountNamesOf } }),
    accounts: createInformer(store, browserAccounts, { ...watching, indexes: { [apiKeyIndex]: apiKeyHashesOf } }),
    // Before that nobody has business with a pod, and each of its changes costs the API server a word to every watcher.
    pods: createInformer(store, podKind, { ...watching, fields: { 'status.phase': 'Running' } }),
  };
}

/** Resolves when all that there is has been read; rejects when the watching ends before. */
export async function whenSynced({ sessions, accounts, pods }: WatchedObjects): Promise<void> {
  await Promise.all([sessions.synced, accounts.synced, pods.synced]);
}

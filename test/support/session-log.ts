import { browserSessions, type BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { createInformer } from '../../src/kube/controller/informer.ts';
import type { Informer } from '../../src/kube/controller/port.ts';
import type { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { sessionsNamespace } from './chart.ts';
import { silentLogger } from './fakes.ts';

/** Every version of every session as a watch has shown it, in the order of the writes. */
export interface SessionLog extends Disposable {
  readonly sessions: Informer<BrowserSession>;
  /** The most sessions that held a slot at one time, after any write. */
  readonly mostAdmitted: number;
  /** Names of those that have been Ready. */
  readonly wereReady: ReadonlySet<string>;
  /** Calls back for each session when it becomes Ready. */
  onReady: ((session: BrowserSession) => void) | undefined;
}

/** Whether a session counts against its account: from its admission to its end. */
export function holdsSlot({ status }: BrowserSession): boolean {
  return status?.admittedAt !== undefined && status.endedAt === undefined;
}

export async function watchSessions(store: Store): Promise<SessionLog> {
  const stop = new AbortController();
  const admitted = new Set<string>();
  const wereReady = new Set<string>();
  let mostAdmitted = 0;
  const options = { namespace: sessionsNamespace, clock: systemClock, logger: silentLogger, signal: stop.signal };
  const sessions = createInformer(store, browserSessions, options);
  const log: SessionLog = {
    sessions,
    get mostAdmitted() {
      return mostAdmitted;
    },
    wereReady,
    onReady: undefined,
    [Symbol.dispose]: () => stop.abort(),
  };
  sessions.onChange(({ type, object }) => {
    const { name, uid } = object.metadata;
    if (type !== 'deleted' && holdsSlot(object)) admitted.add(uid);
    else admitted.delete(uid);
    mostAdmitted = Math.max(mostAdmitted, admitted.size);
    if (type === 'deleted' || object.status?.phase !== 'Ready' || wereReady.has(name)) return;
    wereReady.add(name);
    log.onReady?.(object);
  });
  await sessions.synced;
  return log;
}

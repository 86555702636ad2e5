import { browserSessions } from '../api/v1alpha1/browser-session.ts';
import { endings, type Ending } from './close-codes.ts';
import { overBy } from './connections.ts';
import type { GatewayOptions } from './options.ts';
import { stageOf } from './resolve.ts';

/** How long the store may take to say whether a session is over; its client waits for so long at most. */
const patienceMs = 1_000;

/**
 * Why the connection to a session's browser broke off. A session that was deleted may lose its pod before the watch here has
 * shown the deletion: then the store knows, and the client hears 1001, not that its browser died. Never rejects.
 */
export function createExplainLoss({
  sessions,
  store,
  clock,
}: Pick<GatewayOptions, 'sessions' | 'store' | 'clock'>): (sessionUid: string) => Promise<Ending> {
  const explain = async (sessionUid: string): Promise<Ending> => {
    const known = sessions.byUid(sessionUid);
    if (!known || stageOf(known) === 'over') return overBy(known);
    const stored = await store.get(browserSessions, known.metadata);
    if (stored?.metadata.uid !== sessionUid) return overBy(undefined);
    return stageOf(stored) === 'over' ? overBy(stored) : endings.browserGone;
  };
  return (sessionUid) =>
    new Promise((resolve) => {
      const timer = clock.schedule(patienceMs, () => resolve(endings.browserGone));
      void explain(sessionUid)
        .catch(() => endings.browserGone)
        .then(resolve)
        .finally(() => timer[Symbol.dispose]());
    });
}

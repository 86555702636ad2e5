import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { GatewayOptions } from '../options.ts';
import { stageOf, type Resolve } from '../resolve.ts';
import { askStatus, type AgentQuestion } from './agent-status.ts';

/** Viewers come in twos and threes, and a page that reconnects is gone for a moment. */
const settleMs = 1_000;
/** Between two writes about one session. */
const paceMs = 5_000;
const askMs = 5_000;

/** Notes in a session's status how many look at its screen. */
export interface AudienceNotes extends Disposable {
  /** Somebody came or went. */
  changed(sessionUid: string): void;
}

export type AudienceOptions = AgentQuestion &
  Pick<GatewayOptions, 'sessions' | 'store' | 'logger'> & { readonly resolve: Resolve };

/**
 * The agent counts, for there may be several gateways; whichever saw somebody come or go asks it a second later and writes when the
 * count is another. At most one write in five seconds a session, none while nobody comes or goes.
 */
export function createAudienceNotes(options: AudienceOptions): AudienceNotes {
  const { clock, logger } = options;
  const due = new Map<string, Disposable>();
  const lastMs = new Map<string, number>();
  const stop = new AbortController();

  const note = async (sessionUid: string): Promise<void> => {
    due.delete(sessionUid);
    try {
      if (await writeCount(options, sessionUid, stop.signal)) lastMs.set(sessionUid, clock.monotonic());
    } catch (err) {
      if (!stop.signal.aborted)
        logger.warn({ err, session: sessionUid }, 'the viewers of a session could not be noted');
    }
    if (!options.sessions.byUid(sessionUid)) lastMs.delete(sessionUid);
  };
  return {
    changed: (sessionUid) => {
      if (due.has(sessionUid) || stop.signal.aborted) return;
      const sinceMs = clock.monotonic() - (lastMs.get(sessionUid) ?? -Infinity);
      due.set(
        sessionUid,
        clock.schedule(Math.max(settleMs, paceMs - sinceMs), () => void note(sessionUid)),
      );
    },
    [Symbol.dispose]: () => {
      stop.abort();
      for (const timer of due.values()) timer[Symbol.dispose]();
    },
  };
}

/** Resolves with whether it wrote. */
async function writeCount(options: AudienceOptions, sessionUid: string, stop: AbortSignal): Promise<boolean> {
  const session = options.sessions.byUid(sessionUid);
  if (!session) return false;
  const viewers = await countViewers(options, session, stop);
  if (viewers === undefined || viewers === (session.status?.liveView?.viewers ?? 0)) return false;
  const { uid } = session.metadata;
  try {
    await options.store.patchStatus(browserSessions, session.metadata, { liveView: { viewers } }, { uid });
    return true;
  } catch (error) {
    if (isStoreError(error, 'NotFound', 'Conflict')) return false;
    throw error;
  }
}

/** Of a session that is over nobody looks on; undefined: the agent does not say. */
async function countViewers(
  options: AudienceOptions,
  session: BrowserSession,
  stop: AbortSignal,
): Promise<number | undefined> {
  if (stageOf(session) === 'over') return 0;
  const found = await options.resolve(session.metadata.uid);
  if (found.kind !== 'ready') return undefined;
  const signal = AbortSignal.any([stop, AbortSignal.timeout(askMs)]);
  const { viewers } = await askStatus(options, { ...found.sandbox, sessionUid: session.metadata.uid, signal });
  return viewers;
}

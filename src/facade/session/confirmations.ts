import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { Informer } from '../../kube/controller/port.ts';
import { createBackoff } from '../../lib/backoff.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import { SandboxError, type AgentClient } from '../../sandbox/port.ts';
import { useWithinMs } from './attempt.ts';
import { withDeadline } from './patience.ts';
import { refOf } from './sandbox.ts';

export interface ConfirmationsOptions {
  readonly agents: Pick<AgentClient, 'touch'>;
  readonly sessions: Pick<Informer<BrowserSession>, 'byUid'>;
  readonly pods: Pick<Informer<Pod>, 'byUid'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells agents that somebody was given their session; see `annotations.useWithinMs`. Disposing waits a little for what is under way. */
export interface Confirmations extends AsyncDisposable {
  /** Returns at once: the answer has no need to wait for it. */
  confirm(session: BrowserSession): void;
}

const callDeadlineMs = 2_000;
const lastGraceMs = 2_000;
const backoff = createBackoff({ baseMs: 50, capMs: 1_000, random: Math.random });

export function createConfirmations(options: ConfirmationsOptions): Confirmations {
  const { agents, sessions, pods, clock, logger } = options;
  const running = new Set<Promise<void>>();
  /** False: not yet. */
  const tryOnce = async (session: BrowserSession): Promise<boolean> => {
    // It has ended, by a DELETE for example: nothing is left to be kept.
    if (!sessions.byUid(session.metadata.uid)) return true;
    const ref = refOf(session, pods);
    if (!ref) return false;
    try {
      await withDeadline(clock, callDeadlineMs, (signal) => agents.touch(ref, signal));
      return true;
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error;
      return error.code === 'spent';
    }
  };
  const confirm = async (session: BrowserSession): Promise<void> => {
    // After the answer, which whoever called waits for, is written.
    await sleep(clock, 0);
    const untilMs = clock.monotonic() + useWithinMs;
    for (let attempt = 0; !(await tryOnce(session)); attempt += 1) {
      if (clock.monotonic() >= untilMs) {
        logger.warn({ sessionUid: session.metadata.uid }, 'sandbox could not be told that its session was answered');
        return;
      }
      await sleep(clock, backoff(attempt));
    }
  };
  return {
    confirm: (session) => {
      const promise = confirm(session)
        .catch((err: unknown) => logger.error({ err }, 'a confirmation failed'))
        .finally(() => void running.delete(promise));
      running.add(promise);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.race([Promise.allSettled(running), sleep(clock, lastGraceMs)]);
    },
  };
}

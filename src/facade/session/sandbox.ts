import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { PageView } from '../../api/rest/session.ts';
import type { Informer } from '../../kube/controller/port.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import { parseTime } from '../../lib/time.ts';
import { SandboxError, type AgentClient, type SandboxRef } from '../../sandbox/port.ts';
import { withDeadline } from './patience.ts';
import { createdAtMs, expiryMs, recordedExpiryMs } from './times.ts';
import { statusOf } from './view.ts';

/** A read must not hang on a sandbox that is just dying. */
const readDeadlineMs = 500;
const touchDeadlineMs = 2_000;
/**
 * How long ago something happened is told with the delay of the call in it. Answers that differ by less than this mean the same
 * moment, and say so: reading a session must not seem to move its end.
 */
const sameMomentMs = 500;

/** What only the sandbox knows about its session. */
export interface Sandboxes {
  /** Epoch milliseconds. Falls back to what the operator last recorded when the sandbox does not answer. */
  expiresAtMs(session: BrowserSession, account: BrowserAccount): Promise<number>;
  /** Empty when the browser is not ready or the sandbox does not answer: a read of the session does not fail by it. */
  pages(session: BrowserSession): Promise<readonly PageView[]>;
  /** Counts as activity; throws SandboxError. Nothing to do for a session without a ready browser. */
  touch(session: BrowserSession, account: BrowserAccount): Promise<number>;
}

export interface SandboxesOptions {
  readonly agents: AgentClient;
  readonly pods: Pick<Informer<Pod>, 'byUid'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Undefined: it has none, or its pod has no address yet, as far as is known here. */
export function refOf(
  { metadata, status }: BrowserSession,
  pods: Pick<Informer<Pod>, 'byUid'>,
): SandboxRef | undefined {
  const podUid = status?.sandbox?.podUID;
  const podIp = podUid === undefined ? undefined : pods.byUid(podUid)?.status?.podIP;
  return podUid === undefined || podIp === undefined ? undefined : { podUid, podIp, sessionUid: metadata.uid };
}

export function createSandboxes({ agents, pods, clock, logger }: SandboxesOptions): Sandboxes {
  const readySandbox = (session: BrowserSession): SandboxRef | undefined =>
    statusOf(session) === 'ready' ? refOf(session, pods) : undefined;
  const noAnswer = (ref: SandboxRef, asked: string, error: unknown): void => {
    if (!(error instanceof SandboxError)) throw error;
    logger.warn({ sessionUid: ref.sessionUid, asked, code: error.code }, 'sandbox did not answer a read');
  };
  const toldMs = new WeakMap<BrowserSession, number>();
  const steady = (session: BrowserSession, freshMs: number): number => {
    const knownMs = toldMs.get(session) ?? parseTime(session.status?.expiresAt);
    const told = knownMs !== undefined && Math.abs(freshMs - knownMs) < sameMomentMs ? knownMs : freshMs;
    toldMs.set(session, told);
    return told;
  };
  const withoutAnswer = (session: BrowserSession, account: BrowserAccount): number =>
    statusOf(session) === 'ready'
      ? recordedExpiryMs(session, account)
      : expiryMs(session, account, createdAtMs(session));

  return {
    expiresAtMs: async (session, account) => {
      const ref = readySandbox(session);
      if (!ref) return withoutAnswer(session, account);
      try {
        const { activity } = await withDeadline(clock, readDeadlineMs, (signal) => agents.status(ref, signal));
        return steady(session, expiryMs(session, account, clock.now() - activity.idleForMs));
      } catch (error) {
        noAnswer(ref, 'status', error);
        return withoutAnswer(session, account);
      }
    },
    pages: async (session) => {
      const ref = readySandbox(session);
      if (!ref) return [];
      try {
        const pages = await withDeadline(clock, readDeadlineMs, (signal) => agents.pages(ref, signal));
        return pages.map(({ pageId, url, title, active }) => ({ pageId, url, title, active }));
      } catch (error) {
        noAnswer(ref, 'pages', error);
        return [];
      }
    },
    touch: async (session, account) => {
      const ref = readySandbox(session);
      if (!ref) return withoutAnswer(session, account);
      const activity = await withDeadline(clock, touchDeadlineMs, (signal) => agents.touch(ref, signal));
      const movedMs = expiryMs(session, account, clock.now() - activity.idleForMs);
      toldMs.set(session, movedMs);
      return movedMs;
    },
  };
}

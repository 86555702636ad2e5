import type { AgentStatus, TrafficTotals, UpstreamReport } from '../../api/agent/wire.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession, BrowserSessionStatus, EndReason } from '../../api/v1alpha1/browser-session.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import { formatTime } from '../../lib/time.ts';
import { absent, readiness, withConditions, type ConditionRemoval, type ConditionUpdate } from '../conditions.ts';
import { isolationCondition } from './isolation.ts';
import { proxyCondition, wantsProxy } from './proxy-ready.ts';
import { recordingCondition } from '../recording/condition.ts';
import { isRecorded } from '../recording/wanted.ts';
import { endMessages, orderlyEnds, waitMessages, type WaitReason } from './reasons.ts';
import { expiryOf, type Expiry } from './times.ts';

/** Public addresses, without a trailing slash. */
export interface PublicUrls {
  readonly cdp: string;
  readonly live: string;
}

type StatusPatch = Partial<BrowserSessionStatus>;

interface Moment {
  readonly session: BrowserSession;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

function statusWith(
  { session, nowMs }: Moment,
  patch: StatusPatch,
  conditions: readonly (ConditionUpdate | ConditionRemoval)[],
): StatusPatch {
  const now = formatTime(nowMs);
  return {
    ...patch,
    observedGeneration: session.metadata.generation ?? 1,
    conditions: withConditions(session.status?.conditions, conditions, now),
  };
}

const admitted: ConditionUpdate = {
  type: 'Admitted',
  status: 'True',
  reason: 'Admitted',
  message: 'The account has a slot for it.',
};

export interface ReadyFacts {
  readonly session: BrowserSession;
  readonly account: BrowserAccount | undefined;
  readonly pod: Pod;
  readonly agent: AgentStatus;
  readonly wasWarm: boolean;
  readonly admittedAtMs: number;
  readonly nowMs: number;
  readonly urls: PublicUrls;
  /** Name of the Secret that says how to attach; absent: there is none. */
  readonly binding?: string | undefined;
}

/** Where the session is reached, without tokens. */
export function attachUrls(
  { metadata: { uid } }: BrowserSession,
  urls: PublicUrls,
): { readonly cdpUrl: string; readonly liveViewUrl: string } {
  return { cdpUrl: `${urls.cdp}/sessions/${uid}`, liveViewUrl: `${urls.live}/${uid}` };
}

/** Admitted, bound and ready in one: the second of a warm session's two writes. */
export function readyStatus(facts: ReadyFacts): StatusPatch {
  const { session, pod, nowMs, urls, agent } = facts;
  const now = formatTime(nowMs);
  const expiry = expiryOf({ session, account: facts.account, lastActiveAtMs: nowMs });
  return statusWith(
    { session, nowMs },
    {
      phase: 'Ready',
      ...attachUrls(session, urls),
      ...(facts.binding !== undefined && { binding: { name: facts.binding } }),
      sandbox: {
        podName: pod.metadata.name,
        podUID: pod.metadata.uid,
        node: pod.spec.nodeName ?? '',
        warm: facts.wasWarm,
      },
      admittedAt: session.status?.admittedAt ?? formatTime(facts.admittedAtMs),
      readyAt: session.status?.readyAt ?? now,
      lastActivityAt: now,
      expiresAt: formatTime(Math.min(expiry.idleLookAtMs, expiry.lifetimeEndsAtMs)),
    },
    [
      admitted,
      { type: 'SandboxReady', status: 'True', reason: 'Bound', message: 'A sandbox of its own serves the session.' },
      ...readiness.ready({ reason: 'Ready', message: 'CDP clients can attach.' }),
      isolationCondition(agent),
      ...extensionsLoaded(session),
      ...(isRecorded(session) ? [recordingCondition('running')] : []),
      ...(wantsProxy(session.spec) ? [proxyCondition(agent.upstream)] : []),
    ],
  );
}

function extensionsLoaded({ spec }: BrowserSession): readonly ConditionUpdate[] {
  const count = new Set(spec.extensions).size;
  if (count === 0) return [];
  const message = `The browser has loaded ${count === 1 ? 'its extension' : `all ${count} extensions`}.`;
  return [{ type: 'ExtensionsLoaded', status: 'True', reason: 'Loaded', message }];
}

/** An edited spec is known; of a session in use, when it ends by it. */
export function notedStatus(session: BrowserSession, expiry: Expiry): StatusPatch {
  const expiresAt = formatTime(Math.min(expiry.idleLookAtMs, expiry.lifetimeEndsAtMs));
  return {
    observedGeneration: session.metadata.generation ?? 1,
    ...(session.status?.phase === 'Ready' && { expiresAt }),
  };
}

/** How the session's upstream proxy fares; with it, what has gone through. */
export function upstreamStatus(
  moment: Moment,
  upstream: UpstreamReport,
  traffic: TrafficTotals | undefined,
): StatusPatch {
  return statusWith(moment, traffic ? { traffic } : {}, [proxyCondition(upstream)]);
}

/** Admitted, its sandbox on the way. */
export function startingStatus(session: BrowserSession, nowMs: number): StatusPatch {
  const message = waitMessages.SandboxStarting;
  return statusWith(
    { session, nowMs },
    { phase: 'Starting', admittedAt: session.status?.admittedAt ?? formatTime(nowMs) },
    [
      admitted,
      { type: 'SandboxReady', status: 'False', reason: 'SandboxStarting', message },
      ...readiness.reconciling({ reason: 'SandboxStarting', message }),
    ],
  );
}

export interface Waiting {
  readonly reason: WaitReason;
  /** When its slot was granted; absent: not yet. */
  readonly admittedAtMs?: number | undefined;
}

/** Not admitted yet, or without a sandbox: says what it waits for. */
export function waitingStatus(session: BrowserSession, nowMs: number, waiting: Waiting): StatusPatch {
  const { reason, admittedAtMs } = waiting;
  const message = waitMessages[reason];
  return statusWith(
    { session, nowMs },
    { phase: admittedAtMs === undefined ? 'Pending' : 'Starting', ...admission(session, admittedAtMs) },
    [
      admittedAtMs === undefined ? { type: 'Admitted', status: 'False', reason, message } : admitted,
      ...readiness.reconciling({ reason, message }),
    ],
  );
}

/** A warm session's slot is granted before any write says so. */
function admission(session: BrowserSession, admittedAtMs: number | undefined): StatusPatch {
  return admittedAtMs === undefined ? {} : { admittedAt: session.status?.admittedAt ?? formatTime(admittedAtMs) };
}

export interface Ending {
  readonly reason: EndReason;
  readonly message?: string;
  readonly quota?: { readonly limit: number; readonly current: number };
  /** When its slot was granted; absent: never. */
  readonly admittedAtMs?: number | undefined;
  /** What it received and sent, as far as is known. */
  readonly traffic?: TrafficTotals | undefined;
}

/** Final. */
export function endedStatus(
  session: BrowserSession,
  nowMs: number,
  { reason, message = endMessages[reason], quota, admittedAtMs, traffic }: Ending,
): StatusPatch {
  return statusWith(
    { session, nowMs },
    {
      phase: 'Ended',
      endedAt: formatTime(nowMs),
      endReason: reason,
      ...(quota && { quota }),
      ...(traffic && { traffic }),
      ...admission(session, admittedAtMs),
    },
    [
      admittedAtMs === undefined ? { type: 'Admitted', status: 'False', reason, message } : admitted,
      { type: 'SandboxReady', status: 'False', reason, message },
      ...outcome(reason, message),
      { type: 'Ended', status: 'True', reason, message },
    ],
  );
}

/**
 * A session that lived as long as it was meant to has done what was asked of it. kstatus takes an object that is not Ready for one
 * on its way, for ever; one that says nothing of it is at its goal, as a Pod that has completed is.
 */
function outcome(reason: EndReason, message: string): readonly (ConditionUpdate | ConditionRemoval)[] {
  if (orderlyEnds.has(reason)) return [absent('Ready'), absent('Reconciling'), absent('Stalled')];
  return readiness.stalled({ reason, message });
}

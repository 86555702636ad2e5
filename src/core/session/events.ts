import { annotations } from '../../api/v1alpha1/group.ts';
import type { BrowserSession, EndReason } from '../../api/v1alpha1/browser-session.ts';
import { endMessages, waitMessages, type WaitReason } from './reasons.ts';

/** What is worth an Event: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export interface SessionEvent {
  /** Whose event it is. What befalls many sessions alike is told of what they have in common, and counted there. */
  readonly about: 'session' | 'account' | 'pool';
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: 'End' | 'Wait' | 'Serve';
  readonly note: string;
}

/**
 * The facade answers its caller itself and its sessions come by the thousand: they have Events only of what somebody who runs
 * the cluster should know.
 */
function isMadeByFacade({ metadata }: BrowserSession): boolean {
  return metadata.annotations?.[annotations.binding] === 'none';
}

const ordinaryEnds: ReadonlySet<EndReason> = new Set(['IdleTimeout', 'LifetimeExceeded']);

/** Of a refusal that the facade has told its caller: whose trouble it is besides. */
const troubleOf: Readonly<Partial<Record<EndReason, SessionEvent['about']>>> = {
  ConcurrencyLimitReached: 'account',
  PoolNotFound: 'account',
  PoolExhausted: 'pool',
  SandboxFailed: 'pool',
  SandboxLost: 'session',
  BrowserCrashed: 'session',
  NodeLost: 'session',
  Evicted: 'session',
  OutOfMemory: 'session',
};

export function endEvent(
  session: BrowserSession,
  reason: EndReason,
  note: string = endMessages[reason],
): SessionEvent | undefined {
  const about = isMadeByFacade(session) ? troubleOf[reason] : 'session';
  const type = ordinaryEnds.has(reason) ? 'Normal' : 'Warning';
  return about && { about, type, reason, action: 'End', note };
}

/** A full account is as it should be; whatever else a session waits for, somebody has to provide. */
export function waitEvent(session: BrowserSession, reason: WaitReason): SessionEvent | undefined {
  if (isMadeByFacade(session)) return undefined;
  const type = reason === 'Queued' ? 'Normal' : 'Warning';
  return { about: 'session', type, reason, action: 'Wait', note: waitMessages[reason] };
}

export function readyEvent(session: BrowserSession): SessionEvent | undefined {
  if (isMadeByFacade(session)) return undefined;
  return { about: 'session', type: 'Normal', reason: 'Ready', action: 'Serve', note: 'CDP clients can attach.' };
}

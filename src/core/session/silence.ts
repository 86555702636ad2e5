import { unreadySinceMs } from '../pods/classify.ts';
import { nodeTroubleMs } from '../pods/tolerations.ts';
import type { SessionInput } from './input.ts';

/** An agent was asked again and again, and answered never: from the first such call to the end of the last. Epoch milliseconds. */
export interface Silence {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** An agent that does not answer for so long is taken for dead. */
export const silenceLimitMs = 10_000;
/** Between two calls to one that does not answer. */
export const silenceStepMs = 1_000;
/** Between two calls to one that answers although its Pod is not Ready. */
const signStepMs = 10_000;

/**
 * After a call in vain. Nobody knows of an agent that was not asked for a while whether it was silent then; but of one whose Pod has not been
 * Ready since `unreadyAtMs`, and that waited for its turn to be asked, it is taken for granted.
 */
export function prolongSilence(before: Silence | undefined, call: Silence, unreadyAtMs = Infinity): Silence {
  const goesOn = before && (call.sinceMs - before.untilMs < silenceLimitMs || before.sinceMs >= unreadyAtMs);
  return { sinceMs: goesOn ? before.sinceMs : call.sinceMs, untilMs: call.untilMs };
}

export function isTooLong({ sinceMs, untilMs }: Silence): boolean {
  return untilMs - sinceMs >= silenceLimitMs;
}

type SignInput = Pick<SessionInput, 'sandbox' | 'pool' | 'silence' | 'heardAtMs' | 'isAsked'>;

/**
 * When the agent is to be asked whether it is there still, epoch milliseconds; Infinity: nothing speaks against it, or it is being asked.
 * Kubernetes takes a Pod's word back when its node does not answer, and deletes the Pod once its tolerations are over: but where too many
 * nodes are lost at once it deletes none.
 */
export function signDueAtMs({ sandbox, pool, silence, heardAtMs, isAsked }: SignInput): number {
  const unreadyAtMs = sandbox && unreadySinceMs(sandbox.pod);
  if (unreadyAtMs === undefined || isAsked) return Infinity;
  const bornUntilMs = unreadyAtMs + nodeTroubleMs(pool?.spec.template.tolerations ?? []);
  const askedAgainAtMs = silence ? silence.untilMs + silenceStepMs : (heardAtMs ?? -Infinity) + signStepMs;
  return Math.max(bornUntilMs, askedAgainAtMs);
}

import type { Informer } from '../../kube/controller/port.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { AttemptSession } from './attempt.ts';
import { refOf } from './sandbox.ts';

export interface AddressOptions {
  readonly pods: Pick<Informer<Pod>, 'byUid'>;
  readonly clock: Clock;
}

/** Watches are milliseconds apart; one that is broken must not hold up an answer. */
const longestMs = 1_000;
const lookEveryMs = 10;

/**
 * The operator may know the address of a sandbox that was made for its session before this process does. Whoever has been told that
 * the session is ready may ask for its pages or its recording next: so the answer waits until it can be reached from here, too.
 */
export function untilReachable(attempt: AttemptSession, { pods, clock }: AddressOptions): AttemptSession {
  return async (input) => {
    const result = await attempt(input);
    if (result.kind !== 'ready' || result.session.status?.sandbox?.warm !== false) return result;
    const giveUpMs = clock.monotonic() + longestMs;
    while (!refOf(result.session, pods) && clock.monotonic() < giveUpMs && !input.patience.signal.aborted)
      await sleep(clock, lookEveryMs);
    return result;
  };
}

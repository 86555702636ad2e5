import { Problem } from '../../api/rest/problem.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { Clock } from '../../lib/clock.ts';
import { parseTime } from '../../lib/time.ts';
import type { AttemptInput, AttemptSession } from './attempt.ts';
import type { Confirmations } from './confirmations.ts';
import { randomSessionName } from './name.ts';
import type { RemoveSession } from './removal.ts';
import { expiryMs } from './times.ts';
import { factsOf, type SessionFacts } from './view.ts';

export type CreateInput = Omit<AttemptInput, 'name'>;

export interface Created {
  readonly facts: SessionFacts;
  /** How its sandbox was had; `replayed`: an earlier result is repeated. */
  readonly how: 'warm' | 'cold' | 'replayed';
}

export interface CreateOptions {
  readonly confirmations: Pick<Confirmations, 'confirm'>;
  readonly attempt: AttemptSession;
  readonly remove: RemoveSession;
  readonly clock: Clock;
}

/** What is said of a session that became ready just now. */
export function readyFacts(session: BrowserSession, { account }: CreateInput, clock: Clock): SessionFacts {
  const expiresAtMs = parseTime(session.status?.expiresAt) ?? expiryMs(session, account, clock.now());
  return factsOf({ session, account, expiresAtMs });
}

export function warmth(session: BrowserSession): 'warm' | 'cold' {
  return session.status?.sandbox?.warm ? 'warm' : 'cold';
}

/** A session, or a Problem and nothing left of it. */
export type CreateOnce = (input: CreateInput) => Promise<Created>;

export function createOnceOf({ attempt, remove, clock, confirmations }: CreateOptions): CreateOnce {
  return async (input) => {
    const result = await attempt({ ...input, name: randomSessionName() });
    if (result.kind === 'ready' && input.patience.gaveUp !== 'clientGone') {
      confirmations.confirm(result.session);
      return { facts: readyFacts(result.session, input, clock), how: warmth(result.session) };
    }
    if (result.session) await remove(result.session);
    throw result.kind === 'ready' ? new Problem('sandbox_failed', 'The client left.') : result.problem;
  };
}

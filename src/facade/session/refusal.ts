import { Problem } from '../../api/rest/problem.ts';
import type { BrowserSession, ConditionType, EndReason } from '../../api/v1alpha1/browser-session.ts';

const ended: ConditionType = 'Ended';

const failed: Readonly<Record<Exclude<EndReason, 'ConcurrencyLimitReached' | 'PoolExhausted'>, string>> = {
  IdleTimeout: 'The session timed out before its browser was usable; ask for a longer timeout.',
  LifetimeExceeded: 'The session reached its longest life before its browser was usable; try again.',
  BrowserCrashed: 'The browser crashed while it started; try again.',
  SandboxLost: 'The sandbox was lost while the browser started; try again.',
  NodeLost: 'The node of the sandbox was lost while the browser started; try again.',
  Evicted: 'The sandbox was evicted while the browser started; try again.',
  OutOfMemory: 'The browser ran out of memory while it started; try again.',
  SandboxFailed: 'The sandbox did not become usable in time; try again.',
  AccountNotFound: 'The account was removed while the session was created.',
  PoolNotFound: 'The pool that this account uses does not exist; ask the operator of this installation to create it.',
  CapabilityUnavailable: 'The sandbox cannot do what was asked for; leave the capability out.',
};

/** The answer for a session that ended before it was ready. */
export function refusalOf({ status }: BrowserSession): Problem {
  const reason = status?.endReason ?? 'SandboxFailed';
  if (reason === 'PoolExhausted')
    return new Problem('pool_exhausted', 'Every sandbox is taken and no more may be started; try again in a while.');
  if (reason !== 'ConcurrencyLimitReached') return new Problem('sandbox_failed', sentenceOf(reason, status));
  const quota = status?.quota;
  const used = quota ? ` (${quota.current} of ${quota.limit})` : '';
  return new Problem(
    'concurrency_limit_reached',
    `The account has as many sessions as it may${used}; end one and try again.`,
    quota ? { quota } : {},
  );
}

/** Which of the things asked for it lacks, or what keeps sandboxes from starting, the session has been told. */
function sentenceOf(reason: keyof typeof failed, status: BrowserSession['status']): string {
  const isTold = reason === 'CapabilityUnavailable' || reason === 'SandboxFailed';
  const said = status?.conditions?.find(({ type }) => type === ended)?.message;
  return isTold && said ? said : failed[reason];
}

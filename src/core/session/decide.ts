import type { EndReason } from '../../api/v1alpha1/browser-session.ts';
import { parseTime } from '../../lib/time.ts';
import { findLoss, isNodeSilent, isUnexplained } from '../pods/loss.ts';
import { explainDelay, summarizeTrouble, type Trouble } from '../pods/trouble.ts';
import type { SessionDecision } from './action.ts';
import type { SessionInput } from './input.ts';
import { findWeakness } from './isolation.ts';
import { hasProxyNews, upstreamLookAtMs } from './proxy-ready.ts';
import type { WaitReason } from './reasons.ts';
import { isTooLong, signDueAtMs, silenceLimitMs, silenceStepMs } from './silence.ts';
import { expiryOf, untilStartupDeadlineMs, useDueAtMs } from './times.ts';

type Rule = (input: SessionInput) => SessionDecision | undefined;

/** The first rule that answers decides; each stage is a list of them that reads as a table of contents. */
export function decideSession(input: SessionInput): SessionDecision {
  const stage = stageOf(input);
  for (const rule of stages[stage]) {
    const decision = rule(input);
    if (decision) return decision;
  }
  return {};
}

type Stage = 'ended' | 'waiting' | 'starting' | 'ready';

function stageOf({ session, quota, sandbox }: SessionInput): Stage {
  const phase = session.status?.phase ?? 'Pending';
  if (phase === 'Ended') return 'ended';
  if (phase === 'Ready' || phase === 'Terminating' || sandbox?.isRecorded) return 'ready';
  return quota.kind === 'held' || quota.kind === 'surplus' ? 'starting' : 'waiting';
}

const stages: Readonly<Record<Stage, readonly Rule[]>> = {
  ended: [endUntold, specEdited, deletedAfterItsTtl],
  waiting: [
    outlived,
    unknownAccount,
    unknownPool,
    forbiddenCapability,
    behindOlderSessions,
    overQuota,
    takeSandbox,
    templateFails,
    makeSandbox,
    poolExhausted,
  ],
  starting: [
    outlived,
    aboveTheLimit,
    refused,
    startupDeadline,
    lostBeforeUse,
    tooWeak,
    bound,
    bindingFailed,
    binding,
    unschedulable,
    bindOwnSandbox,
    expectOwnSandbox,
    takeSandbox,
    templateFails,
    makeSandbox,
    poolExhausted,
  ],
  ready: [
    idledOut,
    neverUsed,
    sandboxGone,
    crashed,
    outlived,
    aboveTheLimit,
    silent,
    signDue,
    statusEdited,
    specEdited,
    unlabelled,
    upstreamChanged,
    upstreamDue,
    useDue,
    idleDue,
  ],
};

/** How many useless sandboxes a session meets before it is told that none can be had. */
const mostDiscarded = 3;
/** An operator that dies in a burst leaves many that are spent; but when all refuse, it is not they who are wrong. */
const mostSpent = 20;
const unschedulableStepMs = 250;
/** Quotas are freed without a word to those who wait for them. */
const noRoomMs = 15_000;
/** A kubelet takes a second or two to say why it has ended a sandbox, on a busy machine more. */
const explanationMs = 5_000;
/** From Ready to the pod's label. Until then the session's status alone says whose the pod is, which is enough for a new leader. */
const labelDelayMs = 1_000;

function end(
  reason: EndReason,
  extra: { message?: string; quota?: { limit: number; current: number } } = {},
): SessionDecision {
  return { action: { type: 'end', reason, ...extra } };
}

/** A session that may wait does, for as long as it lives; one that must be answered now ends. */
function waitOrEnd(input: SessionInput, wait: WaitReason, otherwise: SessionDecision): SessionDecision {
  if (input.session.spec.onQuotaExceeded !== 'Queue') return otherwise;
  return { action: { type: 'wait', reason: wait }, next: untilItEnds(input) };
}

/** Nothing else may come and wake a session that waits: it is looked at when its time is up. */
function untilItEnds(input: SessionInput): NonNullable<SessionDecision['next']> {
  const untilLifeMs = expiryOf(input).lifetimeEndsAtMs - input.nowMs;
  const deadlineMs = input.quota.kind === 'held' ? untilStartupDeadlineMs(input) : Infinity;
  return deadlineMs < untilLifeMs
    ? { afterMs: deadlineMs, because: 'startup deadline' }
    : { afterMs: untilLifeMs, because: 'maximum lifetime' };
}

/** Nobody but the operator ends a session; but what somebody else's edit of the status says is not taken back. */
function endUntold({ session: { status } }: SessionInput): SessionDecision | undefined {
  return status?.endedAt ? undefined : end(status?.endReason ?? 'SandboxLost');
}

function deletedAfterItsTtl({ session, nowMs }: SessionInput): SessionDecision {
  const endedAtMs = parseTime(session.status?.endedAt) ?? nowMs;
  const afterMs = endedAtMs + session.spec.ttlSecondsAfterEnded * 1000 - nowMs;
  return afterMs > 0 ? { next: { afterMs, because: 'ttlSecondsAfterEnded' } } : { action: { type: 'deleteSession' } };
}

function unknownAccount(input: SessionInput): SessionDecision | undefined {
  return input.account ? undefined : waitOrEnd(input, 'AccountNotFound', end('AccountNotFound'));
}

function unknownPool(input: SessionInput): SessionDecision | undefined {
  const allowed = input.account?.spec.limits.pools;
  const asked = input.session.spec.poolRef?.name;
  if (allowed && asked && !allowed.includes(asked)) return end('PoolNotFound');
  return input.pool ? undefined : waitOrEnd(input, 'PoolNotFound', end('PoolNotFound'));
}

/** Silence would be worse: whoever asks for a recording would look for it in vain. */
function forbiddenCapability({ session, account }: SessionInput): SessionDecision | undefined {
  const allowed = account?.spec.limits.capabilities ?? session.spec.capabilities;
  const asked = session.spec.capabilities.filter((name) => !allowed.includes(name)).join(', ');
  const message = `The account may not use the capability ${asked}. Remove it from the spec.`;
  return asked ? end('CapabilityUnavailable', { message }) : undefined;
}

function outlived(input: SessionInput): SessionDecision | undefined {
  return expiryOf(input).lifetimeEndsAtMs <= input.nowMs ? end('LifetimeExceeded') : undefined;
}

function behindOlderSessions(input: SessionInput): SessionDecision | undefined {
  if (!input.behindOthers || input.session.spec.onQuotaExceeded !== 'Queue') return undefined;
  return { action: { type: 'wait', reason: 'Queued' }, next: untilItEnds(input) };
}

function overQuota(input: SessionInput): SessionDecision | undefined {
  if (input.quota.kind !== 'full') return undefined;
  const { limit, current } = input.quota;
  return waitOrEnd(input, 'Queued', end('ConcurrencyLimitReached', { quota: { limit, current } }));
}

/** Another operator, whose time was over, granted it: the account's limit is not to be exceeded, whoever was wrong. */
function aboveTheLimit({ quota }: SessionInput): SessionDecision | undefined {
  if (quota.kind !== 'surplus') return undefined;
  const { limit, current } = quota;
  return end('ConcurrencyLimitReached', { quota: { limit, current } });
}

function takeSandbox(input: SessionInput): SessionDecision | undefined {
  return input.supply.reservable && !input.sandbox
    ? { action: { type: 'reserve' }, ...untilDeadline(input) }
    : undefined;
}

/** One that was made before the operator was restarted is found by its name. */
function makeSandbox(input: SessionInput): SessionDecision | undefined {
  const canMake = input.supply.room || input.sandbox;
  return canMake ? { action: { type: 'createSandbox' }, ...untilDeadline(input) } : undefined;
}

function poolExhausted(input: SessionInput): SessionDecision {
  return waitOrEnd(input, 'PoolExhausted', end('PoolExhausted'));
}

function startupDeadline(input: SessionInput): SessionDecision | undefined {
  if (untilStartupDeadlineMs(input) > 0) return undefined;
  return input.sandbox ? failed(explainDelay(input.sandbox.pod)) : end('SandboxFailed');
}

function failed(trouble: Trouble): SessionDecision {
  return end('SandboxFailed', { message: summarizeTrouble(trouble) });
}

/** The API server did not take its Pod: no waiting for a deadline will change that. */
function refused(input: SessionInput): SessionDecision | undefined {
  const { refusal } = input;
  if (!refusal) return undefined;
  if (refusal.reason !== 'QuotaExceeded') return failed(refusal);
  return retryIn(noRoomMs, poolExhausted(input));
}

/** Others have just tried. */
function templateFails(input: SessionInput): SessionDecision | undefined {
  const { failing } = input.supply;
  if (!failing || input.sandbox) return undefined;
  return retryIn(failing.forMs, waitOrEnd(input, 'SandboxesFail', failed(failing.trouble)));
}

/** Of one that waits: nothing may happen that would wake it. */
function retryIn(afterMs: number, { action, next }: SessionDecision): SessionDecision {
  if (!next || !action) return { ...(action && { action }) };
  return { action, next: next.afterMs <= afterMs ? next : { afterMs, because: 'the pool may do again' } };
}

function untilDeadline(input: SessionInput): SessionDecision {
  const untilLifeMs = expiryOf(input).lifetimeEndsAtMs - input.nowMs;
  return { next: { afterMs: Math.min(untilStartupDeadlineMs(input), untilLifeMs), because: 'startup deadline' } };
}

function lostBeforeUse(input: SessionInput): SessionDecision | undefined {
  const { sandbox, binding: call } = input;
  if (sandbox?.hasFailed) {
    const message = summarizeTrouble(explainDelay(sandbox.pod));
    return nextSandbox(input, 'its browser died while starting', { message });
  }
  if (sandbox?.pod.metadata.deletionTimestamp) return nextSandbox(input, 'it is being deleted');
  return !sandbox && call.state !== 'none' ? nextSandbox(input, 'it is gone') : undefined;
}

/** It is bound and of no use to anybody else; the session has not been told where it is. */
function tooWeak(input: SessionInput): SessionDecision | undefined {
  const { binding: call, pool } = input;
  const weakness = call.state === 'bound' && pool && findWeakness(pool.spec.template, call.agent);
  return weakness ? nextSandbox(input, weakness, { message: weakness }) : undefined;
}

function bound({ binding: call }: SessionInput): SessionDecision | undefined {
  return call.state === 'bound'
    ? { action: { type: 'markReady', agent: call.agent, wasWarm: call.wasWarm } }
    : undefined;
}

function bindingFailed(input: SessionInput): SessionDecision | undefined {
  const { binding: call } = input;
  if (call.state !== 'failed') return undefined;
  // Another sandbox would say the same.
  if (call.why === 'capability') return end('CapabilityUnavailable', { message: call.message });
  return nextSandbox(input, call.message);
}

/** A sandbox made for this very session that cannot start says that none can; a warm one may just have died of age. */
function nextSandbox(input: SessionInput, message: string, why: { message?: string } = {}): SessionDecision {
  const ownMade =
    input.sandbox?.pod.metadata.ownerReferences?.some((o) => o.uid === input.session.metadata.uid) ?? false;
  const hopeless = ownMade || input.discarded >= mostDiscarded || input.spent >= mostSpent;
  return hopeless ? end('SandboxFailed', why) : { action: { type: 'discardSandbox', message } };
}

function binding(input: SessionInput): SessionDecision | undefined {
  return input.binding.state === 'running' ? untilDeadline(input) : undefined;
}

/** Sandboxes on their way out leave room in a moment; without any, no waiting helps. */
function unschedulable(input: SessionInput): SessionDecision | undefined {
  if (!input.sandbox?.isUnschedulable) return undefined;
  if (input.endingSandboxes > 0)
    return { next: { afterMs: unschedulableStepMs, because: 'waiting for room on a node' } };
  return poolExhausted(input);
}

function bindOwnSandbox(input: SessionInput): SessionDecision | undefined {
  if (!input.sandbox) return undefined;
  return input.sandbox.pod.status?.podIP ? { action: { type: 'bind' } } : untilDeadline(input);
}

/** Watches lag: whatever else there is by now, its own is on its way. */
function expectOwnSandbox(input: SessionInput): SessionDecision | undefined {
  return input.sandboxExpected ? untilDeadline(input) : undefined;
}

function sandboxGone({ sandbox }: SessionInput): SessionDecision | undefined {
  if (!sandbox) return end('SandboxLost');
  return sandbox.pod.metadata.deletionTimestamp ? end(findLoss(sandbox.pod) ?? 'SandboxLost') : undefined;
}

function idledOut({ hasIdledOut }: SessionInput): SessionDecision | undefined {
  return hasIdledOut ? end('IdleTimeout') : undefined;
}

/** Whoever made it has died before it could say so to anybody: nobody knows of it, and nobody will read why it ended. */
function neverUsed({ wasUsed }: SessionInput): SessionDecision | undefined {
  return wasUsed === false ? { action: { type: 'deleteSession' } } : undefined;
}

function crashed({ sandbox, unexplainedSinceMs, nowMs }: SessionInput): SessionDecision | undefined {
  if (!sandbox?.hasFailed) return undefined;
  const loss = findLoss(sandbox.pod);
  if (loss) return end(loss);
  if (!isUnexplained(sandbox.pod)) return end('BrowserCrashed');
  if (unexplainedSinceMs === undefined) return { action: { type: 'noteUnexplained' } };
  const leftMs = unexplainedSinceMs + explanationMs - nowMs;
  return leftMs > 0 ? { next: { afterMs: leftMs, because: 'its node may say why' } } : end('BrowserCrashed');
}

function silent({ silence, sandbox }: SessionInput): SessionDecision | undefined {
  if (!silence || !isTooLong(silence)) return undefined;
  return end(sandbox && isNodeSilent(sandbox.pod) ? 'NodeLost' : 'SandboxLost');
}

function signDue(input: SessionInput): SessionDecision | undefined {
  return signDueAtMs(input) <= input.nowMs ? { action: { type: 'askForSign' } } : undefined;
}

function statusEdited(input: SessionInput): SessionDecision | undefined {
  if (saysReady(input)) return undefined;
  const { binding: call } = input;
  if (call.state === 'running') return { next: { afterMs: silenceLimitMs, because: 'the agent is asked' } };
  if (call.state === 'failed') return end('SandboxLost');
  return bound(input) ?? { action: { type: 'confirm' } };
}

function saysReady({ session: { status }, sandbox }: SessionInput): boolean {
  if (status?.phase !== 'Ready' || status.sandbox?.podUID !== sandbox?.pod.metadata.uid) return false;
  const isReady = (status.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True');
  return isReady && [status.cdpUrl, status.liveViewUrl, status.readyAt, status.admittedAt].every(Boolean);
}

/**
 * What nobody waits for gives way to those who wait: in a burst the writes of the last session's claim come before the first
 * one's label, and who leaves at once needs none.
 */
function unlabelled({ sandbox, session, nowMs }: SessionInput): SessionDecision | undefined {
  if (!sandbox || sandbox.isLabelled) return undefined;
  const dueMs = (parseTime(session.status?.readyAt) ?? nowMs) + labelDelayMs;
  return dueMs > nowMs
    ? { next: { afterMs: dueMs - nowMs, because: 'its pod will say whose it is' } }
    : { action: { type: 'labelSandbox' } };
}

/** Until it is acknowledged, tools that wait for a status to be current (kstatus) take the session for unsettled. */
function specEdited({ session: { status, metadata } }: SessionInput): SessionDecision | undefined {
  const isKnown = (status?.observedGeneration ?? metadata.generation) === metadata.generation;
  return isKnown ? undefined : { action: { type: 'noteSpec' } };
}

function upstreamChanged({ session, upstream }: SessionInput): SessionDecision | undefined {
  const isNews = upstream && upstream.state !== 'probing' && hasProxyNews(session, upstream);
  return isNews ? { action: { type: 'noteUpstream' } } : undefined;
}

function upstreamDue(input: SessionInput): SessionDecision | undefined {
  return upstreamLookAtMs(input) <= input.nowMs ? { action: { type: 'lookAtUpstream' } } : undefined;
}

function useDue({ wasUsed, session, nowMs }: SessionInput): SessionDecision | undefined {
  if (wasUsed !== undefined || useDueAtMs(session) > nowMs) return undefined;
  return {
    action: { type: 'endIfUnused' },
    next: { afterMs: silenceStepMs, because: 'the agent did not answer' },
  };
}

function idleDue(input: SessionInput): SessionDecision {
  const { lifetimeEndsAtMs, idleLookAtMs } = expiryOf(input);
  const untilLifeMs = lifetimeEndsAtMs - input.nowMs;
  if (idleLookAtMs > input.nowMs) {
    const useLookAtMs = input.wasUsed === undefined ? useDueAtMs(input.session) : Infinity;
    const lookAtMs = Math.min(idleLookAtMs, useLookAtMs, upstreamLookAtMs(input), signDueAtMs(input));
    const afterMs = Math.min(lookAtMs - input.nowMs, untilLifeMs);
    return { next: { afterMs, because: 'idle timeout or maximum lifetime' } };
  }
  return {
    action: { type: 'endIfIdle' },
    next: { afterMs: Math.min(silenceStepMs, untilLifeMs), because: 'the agent did not answer' },
  };
}

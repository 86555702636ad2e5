import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { claimMetadata } from '../../core/pods/claim.ts';
import { buildSandboxPod, type SandboxSettings } from '../../core/pods/sandbox-pod.ts';
import { createPod, ownPodName } from '../sandbox/create-pod.ts';
import { templateHashOf } from '../template-hash.ts';
import type { SandboxEntry } from '../../core/pool/book.ts';
import type { SessionAction } from '../../core/session/action.ts';
import { readyEvent, waitEvent } from '../../core/session/events.ts';
import type { SessionInput } from '../../core/session/input.ts';
import type { WaitReason } from '../../core/session/reasons.ts';
import {
  notedStatus,
  readyStatus,
  startingStatus,
  upstreamStatus,
  waitingStatus,
  type PublicUrls,
} from '../../core/session/status.ts';
import { isRecorded } from '../../core/recording/wanted.ts';
import { stealthOf } from '../../core/session/stealth.ts';
import { expiryOf, lifetimeMsOf, untilStartupDeadlineMs } from '../../core/session/times.ts';
import { pods } from '../../kube/builtins.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import { parseTime } from '../../lib/time.ts';
import type { AgentClient } from '../../sandbox/port.ts';
import { sandboxPods, type World } from '../world.ts';
import { askForSign, endIfIdle, endIfUnused, refOf, type AskDeps } from './ask.ts';
import { makeBinding, type AttachDeps } from './attach.ts';
import type { PoolHistories } from '../pool/history.ts';
import type { BindCall, Bindings } from './bindings.ts';
import { endSession, type EndDeps } from './end.ts';
import type { SessionMemory } from './memory.ts';
import type { OwnWrites } from './own-writes.ts';
import { lookAtUpstream, type TrafficDeps } from './traffic.ts';
import { upstreamFor, type UpstreamDeps } from './upstream.ts';
import { extensionsFor, extensionsTakeMs, type ExtensionDeps } from './extensions.ts';
import { recordingFor, recordingTakesMs } from './recording.ts';
import { writeStatus } from './write-status.ts';

export interface ApplyDeps extends EndDeps, AskDeps, AttachDeps, TrafficDeps, UpstreamDeps, ExtensionDeps {
  readonly store: Store;
  readonly world: World;
  readonly bindings: Bindings;
  /** Epoch milliseconds; when these controllers began. */
  readonly leadingSinceMs: number;
  readonly memory: SessionMemory;
  readonly histories: PoolHistories;
  readonly writes: OwnWrites;
  readonly agents: AgentClient;
  readonly clock: Clock;
  readonly urls: PublicUrls;
  readonly settings: SandboxSettings;
  /** Who waits in the same account may have the first word now. */
  readonly onTurn: (account: string) => void;
  /** A session took a sandbox of the pool, which may want another. */
  readonly onClaim: (pool: string, wasWarm: boolean) => void;
  readonly onReady: (input: SessionInput, wasWarm: boolean) => void;
}

/** How long a warm sandbox, which answered a moment ago, may take to answer. */
const warmBindDeadlineMs = 3_000;
const confirmDeadlineMs = 2_000;
/** What a pod gets beyond its session's lifetime before its node ends it: the operator ends it in time, if it lives. */
const deadlineMarginSeconds = 60;

/** Carries out one action. True: the caller should look again at once. */
export async function applySession(deps: ApplyDeps, input: SessionInput, action: SessionAction): Promise<boolean> {
  const { session } = input;
  switch (action.type) {
    case 'end':
      return endSession(deps, input, action);
    case 'wait':
      return wait(deps, input, action.reason);
    case 'reserve':
      return reserve(deps, input);
    case 'createSandbox':
      return createSandbox(deps, input);
    case 'bind':
      return bind(deps, input, untilStartupDeadlineMs(input));
    case 'confirm':
      return bind(deps, input, confirmDeadlineMs);
    case 'discardSandbox':
      return discardSandbox(deps, input);
    case 'markReady':
      return markReady(deps, input, action);
    case 'noteSpec':
      return (await writeStatus(deps, session, notedStatus(session, expiryOf(input)))) === 'written';
    case 'labelSandbox':
      return labelSandbox(deps, input);
    case 'lookAtUpstream':
      return lookAtUpstream(deps, input);
    case 'noteUpstream':
      return noteUpstream(deps, input);
    case 'noteUnexplained':
      deps.memory.note(session.metadata.uid, { unexplainedSinceMs: input.nowMs });
      return true;
    case 'askForSign':
      return askForSign(deps, input);
    case 'endIfIdle':
      return endIfIdle(deps, input);
    case 'endIfUnused':
      return endIfUnused(deps, input);
    case 'deleteSession':
      await deps.store.delete(browserSessions, session.metadata, { uid: session.metadata.uid }).catch(ignoreGone);
      return false;
  }
}

async function noteUpstream(deps: ApplyDeps, { session, nowMs, upstream, traffic }: SessionInput): Promise<boolean> {
  if (upstream) await writeStatus(deps, session, upstreamStatus({ session, nowMs }, upstream, traffic));
  return false;
}

async function wait(deps: ApplyDeps, input: SessionInput, reason: WaitReason): Promise<boolean> {
  const { session, nowMs, admittedAtMs } = input;
  deps.memory.waits(session.metadata.uid);
  // When it is its turn, it is to ask again.
  deps.memory.note(session.metadata.uid, { refusal: undefined });
  if (isSaid(session, reason)) return false;
  // It steps aside: others of its account may want a pool that has room.
  if (reason !== 'Queued') deps.onTurn(session.spec.accountRef.name);
  const result = await writeStatus(deps, session, waitingStatus(session, nowMs, { reason, admittedAtMs }));
  if (result === 'written') deps.tell(input, waitEvent(session, reason));
  return false;
}

function isSaid({ metadata, status }: BrowserSession, reason: WaitReason): boolean {
  const isCurrent = status?.observedGeneration === (metadata.generation ?? 1);
  return isCurrent && (status.conditions ?? []).some((c) => c.type === 'Ready' && c.reason === reason);
}

function ignoreGone(error: unknown): void {
  if (!isStoreError(error, 'NotFound', 'Conflict')) throw error;
}

function charge({ world, memory, onTurn }: ApplyDeps, { session, nowMs, quota }: SessionInput): void {
  const account = session.spec.accountRef.name;
  world.ledger.hold(account, session.metadata.uid, nowMs);
  memory.proceeds(session.metadata.uid);
  if (quota.kind !== 'held') onTurn(account);
}

function reserve(deps: ApplyDeps, input: SessionInput): boolean {
  const pool = input.pool?.metadata.name ?? '';
  const wasWarm = deps.world.book.first(pool, 'warm') !== undefined;
  charge(deps, input);
  const entry = deps.world.book.reserve(pool, input.session.metadata.uid);
  deps.onClaim(pool, wasWarm);
  // A starting pod has no address yet: its next event brings us back.
  const deadlineMs = Math.min(wasWarm ? warmBindDeadlineMs : Infinity, untilStartupDeadlineMs(input));
  if (entry?.pod.status?.podIP) beginBinding(deps, { ...input, entry, wasWarm, deadlineMs });
  return false;
}

/** Of a sandbox that the session has already. */
function bind(deps: ApplyDeps, input: SessionInput, deadlineMs: number): boolean {
  const entry = deps.world.book.ofSession(input.session.metadata.uid);
  const wasWarm = input.session.status?.sandbox?.warm ?? false;
  if (entry) beginBinding(deps, { ...input, entry, wasWarm, deadlineMs });
  return false;
}

interface BindingInput extends SessionInput {
  readonly entry: SandboxEntry;
  readonly wasWarm: boolean;
  readonly deadlineMs: number;
}

function beginBinding(deps: ApplyDeps, input: BindingInput): void {
  const { session, account, entry, wasWarm } = input;
  const deadlineMs = Math.max(1, input.deadlineMs + extensionsTakeMs(session) + recordingTakesMs(session));
  const sandbox = refOf(session, entry);
  const prepare = allOf([
    upstreamFor(deps, session),
    extensionsFor(deps, { session, sandbox, deadlineMs }),
    recordingFor(deps, session),
  ]);
  deps.bindings.begin({
    ...(prepare && { prepare }),
    sandbox,
    request: {
      idlePolicy: account?.spec.idlePolicy ?? 'attached',
      ...(session.spec.viewport && { viewport: session.spec.viewport }),
      ...stealthOf(session.spec),
      ...(isRecorded(session) && { recording: { recordingId: session.metadata.uid } }),
    },
    wasWarm,
    deadlineMs,
  });
}

type Prepare = NonNullable<BindCall['prepare']>;

/** What each of them fetches; undefined when none has anything to fetch. */
function allOf(prepares: readonly (Prepare | undefined)[]): Prepare | undefined {
  const all = prepares.filter((prepare) => prepare !== undefined);
  if (all.length === 0) return undefined;
  return async (signal) => Object.assign({}, ...(await Promise.all(all.map((prepare) => prepare(signal))))) as object;
}

async function createSandbox(deps: ApplyDeps, input: SessionInput): Promise<boolean> {
  const { session, pool } = input;
  if (!pool) return false;
  charge(deps, input);
  const { settings } = deps;
  const runtimeHandler = deps.world.runtimeHandlerOf(pool);
  const templateHash = templateHashOf({ pool, settings, runtimeHandler });
  const pod = buildSandboxPod({
    name: ownPodName(pool.metadata.name, session.metadata.uid),
    pool,
    templateHash,
    settings,
    runtimeHandler,
    session,
    activeDeadlineSeconds: Math.ceil(lifetimeMsOf(session, input.account) / 1000) + deadlineMarginSeconds,
  });
  deps.onClaim(pool.metadata.name, false);
  const refusal = await createPod(deps, pool, pod);
  if (refusal) {
    deps.histories.refused(pool.metadata.name, refusal, deps.clock.monotonic());
    deps.memory.note(session.metadata.uid, { refusal });
    return true;
  }
  // Whoever leads by now finds the pod by its name.
  if (deps.mayGrant()) await writeStatus(deps, session, startingStatus(session, input.nowMs));
  return false;
}

async function discardSandbox(
  { store, world, bindings, memory }: ApplyDeps,
  { session: { metadata }, binding, discarded, spent }: SessionInput,
): Promise<boolean> {
  const entry = world.book.discard(metadata.uid);
  bindings.forget(metadata.uid);
  const isSpent = binding.state === 'failed' && binding.why === 'spent';
  memory.note(metadata.uid, isSpent ? { spent: spent + 1 } : { discarded: discarded + 1 });
  if (entry) await store.delete(pods, entry.pod.metadata, { uid: entry.pod.metadata.uid }).catch(ignoreGone);
  return true;
}

async function markReady(
  deps: ApplyDeps,
  input: SessionInput,
  action: SessionAction & { type: 'markReady' },
): Promise<boolean> {
  const { session, account, sandbox, nowMs } = input;
  if (!sandbox) return false;
  const status = readyStatus({
    session,
    account,
    pod: sandbox.pod,
    agent: action.agent,
    wasWarm: action.wasWarm,
    admittedAtMs: input.admittedAtMs ?? nowMs,
    nowMs,
    urls: deps.urls,
    binding: await makeBinding(deps, session),
  });
  // Making its Secret may have taken a while.
  if (!deps.mayGrant() || (await writeStatus(deps, session, status)) !== 'written') return false;
  deps.bindings.forget(session.metadata.uid);
  // Somebody has to pay for what it sends, when all that is left of it is a Pod.
  deps.memory.note(session.metadata.uid, { account: session.spec.accountRef.name });
  if (sandbox.isRecorded) return false;
  deps.onReady(input, action.wasWarm);
  deps.tell(input, readyEvent(session));
  return false;
}

async function labelSandbox({ store, world }: ApplyDeps, input: SessionInput): Promise<boolean> {
  const { session, sandbox, account, nowMs } = input;
  const entry = world.book.ofSession(session.metadata.uid);
  if (!sandbox || !entry) return false;
  const { metadata, spec } = sandbox.pod;
  const ageMs = nowMs - (parseTime(metadata.creationTimestamp) ?? nowMs);
  const leftSeconds = Math.ceil((ageMs + lifetimeMsOf(session, account)) / 1000) + deadlineMarginSeconds;
  const patch = {
    metadata: claimMetadata(session, entry.pool),
    // The API server lets a deadline only come nearer.
    spec: { activeDeadlineSeconds: Math.min(leftSeconds, spec.activeDeadlineSeconds ?? leftSeconds) },
  };
  const labelled = await store.patch(sandboxPods, metadata, patch, { uid: metadata.uid });
  // Unless a watch has meanwhile shown something newer, or that it is gone.
  if (world.book.ofSession(session.metadata.uid)?.pod === sandbox.pod) world.book.observe(labelled);
  return true;
}

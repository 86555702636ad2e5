import { isDeepStrictEqual } from 'node:util';
import { defaultRecordingRetentionSeconds } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { RecordingManifest, RecordingRef } from '../../api/recording/manifest.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { withConditions } from '../../core/conditions.ts';
import { hasFailed } from '../../core/pods/classify.ts';
import { recordingCondition } from '../../core/recording/condition.ts';
import { recordingsOf } from '../../core/recording/wanted.ts';
import { hasLeft } from '../../core/session/has-left.ts';
import type { Controller } from '../../kube/controller/controller.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import type { Reconcile } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import { formatTime } from '../../lib/time.ts';
import type { AgentClient, SandboxRef } from '../../sandbox/port.ts';
import type { OwnWrites } from '../session/own-writes.ts';
import { writeStatus } from '../session/write-status.ts';
import { indexes, poolNameOf, type World } from '../world.ts';
import { Followers } from './followers.ts';
import { RecordingSweep } from './sweep.ts';

export interface RecordingsOptions {
  readonly store: Store;
  readonly world: World;
  readonly writes: OwnWrites;
  readonly namespace: string;
  readonly agents: AgentClient;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly controller: (name: string, reconcile: Reconcile, concurrency: number) => Controller;
  readonly mayGrant: () => boolean;
  /** A session that has left need not wait for its recordings any more. */
  readonly onDone: (sessionUid: string) => void;
}

/** Fetches recordings out of sandboxes while they grow, and keeps them in the blob store for as long as their accounts want. */
export interface Recordings extends AsyncDisposable {
  /**
   * The session needs its sandbox no more: ends what it records. Answers for how many milliseconds the sandbox has to stay, so that the
   * rest can be fetched; 0: it may go. `onDone` tells when it may sooner.
   */
  holdMs(sessionUid: string): number;
}

const sweepEveryMs = 30_000;
/** A sandbox whose session has left stays at most so long for the sake of its recordings. */
const holdLimitMs = 10_000;
const stopCallDeadlineMs = 10_000;
/** What a recording may have beyond what its pool allows: the agent stops one that is too large, and cannot do so to the byte. */
const sizeMargin = 64 * 1024 * 1024;
const defaultMaxMebibytes = 1024;

export function startRecordings(options: RecordingsOptions): Recordings {
  const { world, clock, logger, mayGrant, onDone } = options;
  const queue = options.controller('recording', (key) => sayRecording({ ...options, followers }, key), 4);
  const followers = new Followers({
    ...options,
    isSandboxThere: (podUid) => isThere(world.pods.byUid(podUid)),
    onStored: ({ sessionUid }) => {
      if (!world.sessions.byUid(sessionUid)) followers.forget(sessionUid);
      onDone(sessionUid);
    },
    onState: (key) => queue.add(key),
  });
  const observe = (session: BrowserSession): void => {
    if (mayGrant()) followSession(options, followers, session);
  };
  const subscription = world.sessions.onChange(({ type, object }) => {
    if (type === 'deleted') followers.forget(object.metadata.uid);
    else observe(object);
  });
  const sweeping = startSweeping(options, followers);
  world.synced.then(
    () => {
      for (const session of world.sessions.list()) observe(session);
      sweeping.begin();
    },
    () => undefined,
  );
  const departures = new Departures(options, followers);
  return {
    holdMs: (sessionUid) => (sweeping.hasRun ? departures.holdMs(sessionUid) : sweeping.untilRunMs()),
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      sweeping[Symbol.dispose]();
      await Promise.all([followers[Symbol.asyncDispose](), queue[Symbol.asyncDispose]()]);
      logger.debug('recordings are not fetched any more');
    },
  };

  function startSweeping(given: RecordingsOptions, all: Followers) {
    return createSweeping(given, all, clock.monotonic());
  }
}

function isThere(pod: Pod | undefined): boolean {
  return pod !== undefined && !hasFailed(pod);
}

function followSession({ world }: RecordingsOptions, followers: Followers, session: BrowserSession): void {
  const { metadata, spec, status } = session;
  const pod = world.pods.byUid(status?.sandbox?.podUID ?? '');
  if (status?.phase !== 'Ready' || !pod) return;
  for (const recordingId of recordingsOf(session)) {
    if (followers.knows(recordingId)) continue;
    const ref: RecordingRef = { account: spec.accountRef.name, sessionUid: metadata.uid, recordingId };
    followers.follow({ ref, sandbox: sourceOf(pod, ref), maxBytes: maxBytesOf(world, session) }, session);
  }
}

function sourceOf({ metadata, status }: Pod, { sessionUid }: RecordingRef): SandboxRef | undefined {
  const { podIP } = status ?? {};
  return podIP === undefined ? undefined : { podUid: metadata.uid, podIp: podIP, sessionUid };
}

function maxBytesOf({ accounts, pools }: World, session: BrowserSession): number {
  const { namespace } = session.metadata;
  const account = accounts.get({ namespace, name: session.spec.accountRef.name });
  const pool = pools.get({ namespace, name: poolNameOf(session, account) });
  return (pool?.spec.template.recording.maxMebibytes ?? defaultMaxMebibytes) * 2 ** 20 + sizeMargin;
}

/** Sandboxes that wait for their recordings to be fetched. */
class Departures {
  readonly #options: RecordingsOptions;
  readonly #followers: Followers;
  /** Monotonic milliseconds, by session. */
  readonly #sinceMs = new Map<string, number>();

  constructor(options: RecordingsOptions, followers: Followers) {
    this.#options = options;
    this.#followers = followers;
  }

  holdMs(sessionUid: string): number {
    const { agents, clock } = this.#options;
    const sources = this.#followers.sourcesOf(sessionUid);
    const [source] = sources;
    if (!source) {
      this.#sinceMs.delete(sessionUid);
      return 0;
    }
    const nowMs = clock.monotonic();
    const sinceMs = this.#sinceMs.get(sessionUid) ?? nowMs;
    if (!this.#sinceMs.has(sessionUid)) {
      this.#sinceMs.set(sessionUid, sinceMs);
      // That it has ended already, or is gone, shows where it is followed.
      agents.stopRecording(source, 'SessionEnded', AbortSignal.timeout(stopCallDeadlineMs)).catch(() => undefined);
    }
    return Math.max(0, sinceMs + holdLimitMs - nowMs);
  }
}

/** Once at the beginning, then every half minute. */
function createSweeping(options: RecordingsOptions, followers: Followers, startedMs: number) {
  const { world, namespace, clock, logger, mayGrant } = options;
  const sweep = new RecordingSweep({
    ...options,
    isFollowed: (recordingId) => followers.isBusyWith(recordingId),
    isSessionLive: (uid) => isLive(world.sessions.byUid(uid)),
    retentionMsOf: (name) => {
      const account = world.accounts.get({ namespace, name });
      return (account?.spec.recordingRetentionSeconds ?? defaultRecordingRetentionSeconds) * 1_000;
    },
    takeUp: (manifest) => takeUp(options, followers, manifest),
  });
  let hasRun = false;
  let complaint = '';
  let timer: Disposable | undefined;
  let isOver = false;
  const run = async (): Promise<void> => {
    try {
      if (mayGrant()) await sweep.run();
      complaint = '';
    } catch (err) {
      const message = err instanceof Error ? err.message : String(err);
      // As long as it is the same, once is enough.
      if (message !== complaint) logger.warn({ err }, 'the sweep of recordings failed; it will run again');
      complaint = message;
    }
    hasRun = true;
    if (!isOver) timer = clock.schedule(sweepEveryMs, () => void run());
  };
  return {
    get hasRun() {
      return hasRun;
    },
    begin: () => void run(),
    untilRunMs: () => Math.max(0, startedMs + holdLimitMs - clock.monotonic()),
    [Symbol.dispose]: () => {
      isOver = true;
      timer?.[Symbol.dispose]();
    },
  };
}

function isLive(session: BrowserSession | undefined): boolean {
  return session !== undefined && !hasLeft(session);
}

/** Begun under another operator: its session may be gone, its sandbox may not. */
function takeUp({ world }: RecordingsOptions, followers: Followers, manifest: RecordingManifest): void {
  const session = world.sessions.byUid(manifest.sessionUid);
  const [labelled] = world.pods.byIndex(indexes.sessionUid, manifest.sessionUid);
  const pod = world.pods.byUid(session?.status?.sandbox?.podUID ?? '') ?? labelled;
  const maxBytes = session ? maxBytesOf(world, session) : defaultMaxMebibytes * 2 ** 20 + sizeMargin;
  followers.follow({ ref: manifest, sandbox: pod && sourceOf(pod, manifest), maxBytes }, session);
}

/** Sees to it that the session says what has become of its recording. */
async function sayRecording(
  { world, writes, store, clock, followers }: RecordingsOptions & { readonly followers: Followers },
  key: ObjectKey,
): Promise<Outcome> {
  const cached = world.sessions.get(key);
  const state = cached && followers.stateOf(cached.metadata.uid);
  if (!state || cached.metadata.deletionTimestamp) return settled;
  const session = writes.newest(cached);
  const before = session.status?.conditions;
  const conditions = withConditions(before, [recordingCondition(state)], formatTime(clock.now()));
  if (isDeepStrictEqual(before, conditions)) return settled;
  const result = await writeStatus({ store, writes }, session, { conditions });
  return result === 'stale' ? lookAgain(200, 'the session has changed meanwhile') : settled;
}

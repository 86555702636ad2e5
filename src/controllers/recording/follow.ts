import { finalKey, manifestKey } from '../../api/recording/keys.ts';
import type { RecordingManifest, RecordingRef } from '../../api/recording/manifest.ts';
import type { AgentRecording } from '../../api/agent/wire.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { contiguous, lengthOf } from '../../core/recording/ranges.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { SandboxError, type AgentClient, type SandboxRef } from '../../sandbox/port.ts';
import { PieceWriter } from './piece-writer.ts';
import { listPieces, readManifest, untilStored, writeManifest } from './stored.ts';

export interface FollowDeps {
  readonly agents: AgentClient;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether there is anything left to ask: the pod is there, and has not failed. */
  readonly isSandboxThere: (podUid: string) => boolean;
}

export interface FollowTarget {
  readonly ref: RecordingRef;
  /** Absent: it is gone; what is stored is all there is. */
  readonly sandbox?: SandboxRef | undefined;
  /** Bytes that it may have. The agent ends it before; an agent that does not is not believed. */
  readonly maxBytes: number;
}

/** How the way from the sandbox ended. */
type Way = 'ended' | 'lost';

/** After so long without an answer a sandbox that seems to be there is given up. */
const silenceLimitMs = 20_000;
const retryMs = 500;
const agentCallDeadlineMs = 2_000;
/** A whole recording over the cluster's network and to the store. */
const finalDeadlineMs = 60_000;

/**
 * Stores a recording piece by piece as it grows, and what replaces the pieces when it has ended; goes on from what is stored. Resolves with
 * what has become of it. Rejects when `signal` aborts, all that has come being stored by then: whoever leads next goes on from there.
 */
export async function followRecording(
  deps: FollowDeps,
  target: FollowTarget,
  signal: AbortSignal,
): Promise<RecordingManifest> {
  const { blobs, clock } = deps;
  const { ref } = target;
  const begun = await untilStored(clock, signal, () => begin(deps, target));
  if (begun.status === 'stopped') return begun;
  const from = lengthOf(contiguous(await untilStored(clock, signal, () => listPieces(blobs, ref))));
  const writer = new PieceWriter({ blobs, ref, clock, from });
  const way = target.sandbox ? await drain(deps, { ...target, sandbox: target.sandbox, writer }, signal) : 'lost';
  await untilStored(clock, signal, () => writer.flush());
  return await conclude(deps, { ...target, begun, way }, signal);
}

async function begin(deps: FollowDeps, { ref, sandbox }: FollowTarget): Promise<RecordingManifest> {
  const { blobs, clock } = deps;
  const known = await readManifest(blobs, manifestKey(ref));
  if (known) return known;
  const facts = sandbox && (await factsOf(deps, sandbox, ref.recordingId));
  const { account, sessionUid, recordingId } = ref;
  const fresh: RecordingManifest = {
    ...{ account, sessionUid, recordingId, status: 'recording' },
    startedAtMs: plausible(facts?.startedAtMs, clock.now()),
    ...{ form: 'pieces', bytes: 0, isCutShort: false },
  };
  await writeManifest(blobs, fresh);
  return fresh;
}

/** Sandboxes may have a clock of their own, and be no friends of ours. */
const longestAgoMs = 60_000;

function plausible(toldMs: number | undefined, nowMs: number): number {
  return toldMs !== undefined && Math.abs(nowMs - toldMs) <= longestAgoMs ? Math.min(toldMs, nowMs) : nowMs;
}

interface Draining extends FollowTarget {
  readonly sandbox: SandboxRef;
  readonly writer: PieceWriter;
}

/** Takes what comes until the recording has ended, whatever becomes of single connections. */
async function drain(deps: FollowDeps, draining: Draining, signal: AbortSignal): Promise<Way> {
  const { clock, logger, isSandboxThere } = deps;
  const { sandbox, writer, ref } = draining;
  for (let silentSinceMs = clock.monotonic(); ;) {
    const before = writer.receivedTo;
    try {
      await drainOnce(deps, draining, signal);
      return 'ended';
    } catch (error) {
      // Whatever it is, what has come is safe before anything else is tried.
      await untilStored(clock, signal, () => writer.flush()).catch((err: unknown) => {
        logger.error({ err, ...ref }, 'a piece of a recording could not be stored');
      });
      signal.throwIfAborted();
      if (error instanceof SandboxError && error.code !== 'unreachable') return 'lost';
      if (writer.receivedTo > before) silentSinceMs = clock.monotonic();
      const isHopeless = clock.monotonic() - silentSinceMs >= silenceLimitMs;
      if (isHopeless || !isSandboxThere(sandbox.podUid)) return 'lost';
      await sleep(clock, retryMs, signal);
    }
  }
}

async function drainOnce(
  { agents, clock }: FollowDeps,
  { ref: { recordingId }, sandbox, writer, maxBytes }: Draining,
  signal: AbortSignal,
): Promise<void> {
  const body = await agents.followRecording(sandbox, { recordingId, from: writer.receivedTo }, signal);
  for await (const chunk of body) {
    await writer.add(chunk as Buffer).catch(() => untilStored(clock, signal, () => writer.flush()));
    if (writer.receivedTo > maxBytes) return;
  }
}

interface Concluding extends FollowTarget {
  readonly begun: RecordingManifest;
  readonly way: Way;
}

async function conclude(
  deps: FollowDeps,
  { ref, sandbox, maxBytes, begun, way }: Concluding,
  signal: AbortSignal,
): Promise<RecordingManifest> {
  const { agents, blobs, clock } = deps;
  const last = sandbox && way === 'ended' ? await takeLast(deps, { ref, sandbox, maxBytes }, signal) : undefined;
  signal.throwIfAborted();
  const pieces = await untilStored(clock, signal, () => listPieces(blobs, ref));
  const ending = { way, last, pieceBytes: lengthOf(contiguous(pieces)), nowMs: clock.now() };
  const manifest = endedManifest(begun, ending);
  // Of nothing there is nothing to be told.
  const isNothing = way === 'lost' && manifest.bytes === 0;
  await untilStored(clock, signal, () => (isNothing ? blobs.delete(manifestKey(ref)) : writeManifest(blobs, manifest)));
  if (sandbox && last) {
    const limit = AbortSignal.timeout(agentCallDeadlineMs);
    await agents.recordingIsKept(sandbox, ref.recordingId, limit).catch(() => undefined);
  }
  if (manifest.form === 'file') {
    for (const { key } of pieces) await untilStored(clock, signal, () => blobs.delete(key));
  }
  return manifest;
}

interface Last {
  readonly facts: AgentRecording | undefined;
  readonly fileBytes: number | undefined;
}

interface RecordingEnding {
  readonly way: Way;
  readonly last: Last | undefined;
  readonly pieceBytes: number;
  readonly nowMs: number;
}

function endedManifest(begun: RecordingManifest, { way, last, pieceBytes, nowMs }: RecordingEnding): RecordingManifest {
  const stoppedAtMs = plausible(last?.facts?.stoppedAtMs, nowMs);
  const ended = { status: 'stopped', stoppedAtMs, isCutShort: way === 'lost' } as const;
  const reason = last?.facts?.stopReason ?? 'SandboxLost';
  if (last?.fileBytes === undefined) return { ...begun, ...ended, reason, form: 'pieces', bytes: pieceBytes };
  return { ...begun, ...ended, reason, form: 'file', bytes: last.fileBytes };
}

type FromSandbox = FollowTarget & { readonly sandbox: SandboxRef };

/** What the sandbox has to say and to give once the recording has ended. */
async function takeLast(deps: FollowDeps, from: FromSandbox, signal: AbortSignal): Promise<Last> {
  const fileBytes = await storeFinal(deps, from, signal);
  return { fileBytes, facts: await factsOf(deps, from.sandbox, from.ref.recordingId) };
}

async function factsOf(
  { agents }: FollowDeps,
  sandbox: SandboxRef,
  recordingId: string,
): Promise<AgentRecording | undefined> {
  const limit = AbortSignal.timeout(agentCallDeadlineMs);
  const all = await agents.recordings(sandbox, limit).catch(() => []);
  return all.find((recording) => recording.recordingId === recordingId);
}

/** Bytes of the one file that takes the place of the pieces; undefined when it could not be had: then they stay. */
async function storeFinal(
  { agents, blobs, logger }: FollowDeps,
  { ref, sandbox, maxBytes }: FromSandbox,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(finalDeadlineMs)]);
    const body = await agents.finalRecording(sandbox, ref.recordingId, limit);
    return (await blobs.put(finalKey(ref), atMost(body as AsyncIterable<Buffer>, maxBytes))).size;
  } catch (err) {
    logger.warn({ err, ...ref }, 'a recording stays in pieces');
    return undefined;
  }
}

async function* atMost(body: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error('it is larger than a recording may be');
    yield chunk;
  }
}

import { BlobError } from '../../blobs/blob-error.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { firstByteOf, manifestKey, recordingPrefix } from '../../api/recording/keys.ts';
import { recordingManifest, type RecordingManifest, type RecordingRef } from '../../api/recording/manifest.ts';
import type { Piece } from '../../core/recording/ranges.ts';
import { createBackoff } from '../../lib/backoff.ts';
import { sleep, type Clock } from '../../lib/clock.ts';

/** Undefined when there is none, or none that can be read. */
export async function readManifest(blobs: BlobStore, key: string): Promise<RecordingManifest | undefined> {
  const blob = await blobs.get(key);
  if (!blob) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of blob.body) chunks.push(chunk as Buffer);
  try {
    return recordingManifest.parse(JSON.parse(Buffer.concat(chunks).toString()));
  } catch {
    return undefined;
  }
}

export async function writeManifest(blobs: BlobStore, manifest: RecordingManifest): Promise<void> {
  await blobs.put(manifestKey(manifest), Buffer.from(JSON.stringify(manifest)));
}

export async function listPieces(blobs: BlobStore, ref: RecordingRef): Promise<readonly Piece[]> {
  const pieces: Piece[] = [];
  for await (const { key, size } of blobs.list(recordingPrefix(ref))) {
    const firstByte = firstByteOf(key);
    if (firstByte !== undefined) pieces.push({ key, firstByte, size });
  }
  return pieces;
}

/** The manifest last: what is left of a delete that fails is found by it. */
export async function deleteRecording(blobs: BlobStore, ref: RecordingRef): Promise<void> {
  for await (const { key } of blobs.list(recordingPrefix(ref))) await blobs.delete(key);
  await blobs.delete(manifestKey(ref));
}

const backoff = createBackoff({ baseMs: 200, capMs: 5_000, random: Math.random });

/** Tries again for as long as the store is out of reach, until `signal` aborts. */
export async function untilStored<T>(clock: Clock, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !(error instanceof BlobError) || error.reason !== 'Unavailable') throw error;
      await sleep(clock, backoff(tries), signal);
    }
  }
}

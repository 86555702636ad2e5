import { Readable } from 'node:stream';
import {
  finalKey,
  firstByteOf,
  manifestKey,
  recordingPrefix,
  sessionManifestsPrefix,
} from '../../api/recording/keys.ts';
import { recordingManifest, type RecordingManifest, type RecordingRef } from '../../api/recording/manifest.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { contiguous, lengthOf, readsFor, type ByteRange, type Piece } from '../../core/recording/ranges.ts';
import type { Clock } from '../../lib/clock.ts';

/** Recordings as the blob store has them: they are found without their session, which may be gone. */
export interface StoredRecordings {
  /** Of one session of the account, oldest first; those whose time is over are not there any more. */
  list(account: string, sessionUid: string): Promise<readonly RecordingManifest[]>;
  /** Bytes stored of one that runs. */
  storedBytes(ref: RecordingRef): Promise<number>;
  /** Bytes of one that has stopped. */
  open(manifest: RecordingManifest, range: ByteRange): Readable;
  /** One begins: says so where the operator finds it, should nobody be able to tell it. */
  note(ref: RecordingRef, startedAtMs: number): Promise<void>;
}

export interface StoredRecordingsOptions {
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

export function createStoredRecordings({ blobs, clock }: StoredRecordingsOptions): StoredRecordings {
  const listPieces = async (ref: RecordingRef): Promise<readonly Piece[]> => {
    const pieces: Piece[] = [];
    for await (const { key, size } of blobs.list(recordingPrefix(ref))) {
      const firstByte = firstByteOf(key);
      if (firstByte !== undefined) pieces.push({ key, firstByte, size });
    }
    return contiguous(pieces);
  };
  return {
    list: async (account, sessionUid) => {
      const manifests: RecordingManifest[] = [];
      for await (const { key } of blobs.list(sessionManifestsPrefix({ account, sessionUid }))) {
        const manifest = await readManifest(blobs, key);
        const isOver = (manifest?.expiresAtMs ?? Infinity) <= clock.now();
        if (manifest && !isOver) manifests.push(manifest);
      }
      return manifests.toSorted((a, b) => a.startedAtMs - b.startedAtMs);
    },
    storedBytes: async (ref) => lengthOf(await listPieces(ref)),
    open: (manifest, range) => {
      const parts = async function* (): AsyncGenerator<Uint8Array> {
        const whole = [{ key: finalKey(manifest), ...range }];
        yield* readFrom(blobs, manifest.form === 'file' ? whole : readsFor(await listPieces(manifest), range));
      };
      return Readable.from(parts(), { objectMode: false });
    },
    note: async ({ account, sessionUid, recordingId }, startedAtMs) => {
      const ref = { account, sessionUid, recordingId };
      const manifest = recordingManifest.parse({ ...ref, status: 'recording', startedAtMs });
      await blobs.put(manifestKey(ref), Buffer.from(JSON.stringify(manifest)));
    },
  };
}

/** Undefined when it is gone, or is none that this version can read. */
async function readManifest(blobs: BlobStore, key: string): Promise<RecordingManifest | undefined> {
  const blob = await blobs.get(key);
  if (!blob) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of blob.body) chunks.push(chunk as Buffer);
  const { data } = recordingManifest.safeParse(parseJson(Buffer.concat(chunks).toString()));
  return data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function* readFrom(
  blobs: BlobStore,
  reads: readonly (ByteRange & { readonly key: string })[],
): AsyncGenerator<Uint8Array> {
  for (const { key, start, end } of reads) {
    const blob = await blobs.get(key, { start, end });
    if (!blob) throw new Error('a part of the recording has been deleted while it was read');
    yield* blob.body as AsyncIterable<Uint8Array>;
  }
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../../test/support/fakes.ts';
import { finalKey, manifestKey, pieceKey } from '../../api/recording/keys.ts';
import type { RecordingManifest } from '../../api/recording/manifest.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { createDirectoryBlobs } from '../../blobs/directory/directory-blobs.ts';
import { createSteppedClock } from '../../lib/clock.ts';
import { readManifest, writeManifest } from './stored.ts';
import { RecordingSweep } from './sweep.ts';

const id = '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11';
const stopped: RecordingManifest = {
  ...{ account: 'a', sessionUid: id, recordingId: id, status: 'stopped', startedAtMs: 0 },
  ...{ form: 'file', bytes: 5, isCutShort: false },
};

let folder: string;
let blobs: BlobStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'porthole-sweep-'));
  blobs = await createDirectoryBlobs(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function keys(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of blobs.list('')) found.push(key);
  return found;
}

it('keeps a recording while its session lives, for its retention time after that, and then removes all of it', async () => {
  const clock = createSteppedClock();
  let isLive = true;
  const taken: string[] = [];
  const sweep = new RecordingSweep({
    blobs,
    clock,
    logger: silentLogger,
    isFollowed: () => false,
    isSessionLive: () => isLive,
    retentionMsOf: () => 60_000,
    takeUp: ({ recordingId }) => void taken.push(recordingId),
    mayGrant: () => true,
  });
  await writeManifest(blobs, stopped);
  await blobs.put(finalKey(stopped), Buffer.from('video'));
  await blobs.put(pieceKey(stopped, 0), Buffer.from('left'));
  await sweep.run();
  expect((await readManifest(blobs, manifestKey(stopped)))?.expiresAtMs).toBeUndefined();

  isLive = false;
  await sweep.run();
  expect((await readManifest(blobs, manifestKey(stopped)))?.expiresAtMs).toBe(clock.now() + 60_000);
  await clock.step(59_999);
  await sweep.run();
  expect(await keys()).toHaveLength(3);
  await clock.step(1);
  await sweep.run();
  expect(await keys()).toEqual([]);

  await writeManifest(blobs, { ...stopped, status: 'recording' });
  await sweep.run();
  expect(taken).toEqual([id]);
});

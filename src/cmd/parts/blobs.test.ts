import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openBlobs } from './blobs.ts';

it('without a setting, everything that is asked of the store is refused in words', async () => {
  await using blobs = await openBlobs({});
  const asked = [blobs.put('a', Buffer.alloc(1)), blobs.get('a'), blobs.head('a'), blobs.delete('a')];
  for (const attempt of [...asked, Array.fromAsync(blobs.list(''))])
    await expect(attempt).rejects.toMatchObject({ reason: 'Unavailable', message: /PORTHOLE_BLOBS/ });
});

it('a path is a folder', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'porthole-blobs-'));
  await using blobs = await openBlobs({ blobs: path.join(folder, 'x') });
  await blobs.put('a', Buffer.from('b'));
  expect(await blobs.head('a')).toMatchObject({ size: 1 });
  await rm(folder, { recursive: true });
});

it('a bucket is not asked for anything before the first blob', async () => {
  await using _ = await openBlobs({ blobs: 's3://bucket/some/prefix/', s3Endpoint: 'http://127.0.0.1:9' });
});

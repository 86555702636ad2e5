import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { createS3Blobs } from '../../src/blobs/s3/s3-blobs.ts';
import { s3Program, startS3Server, type S3Server } from '../support/s3-server.ts';
import { blobsContract } from './blobs.ts';

describe.skipIf(s3Program === undefined)('S3', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const open = (more: object = {}): BlobStore => {
    const { endpoint, bucket, credentials } = server;
    return createS3Blobs({ endpoint, bucket, credentials, ...more });
  };

  blobsContract('a bucket', () => Promise.resolve(open()));
  blobsContract('a part of a bucket', () => Promise.resolve(open({ prefix: 'some/part' })));

  it('two parts of a bucket know nothing of each other', async () => {
    await using one = open({ prefix: 'one' });
    await using two = open({ prefix: 'two' });
    await one.put('a', Buffer.from('1'));
    expect(await two.head('a')).toBeUndefined();
    expect(await Array.fromAsync(two.list(''))).toEqual([]);
    expect((await Array.fromAsync(one.list(''))).map(({ key }) => key)).toEqual(['a']);
    expect(await readdir(`${server.folder}/one`)).toEqual(['a']);
  });

  it('is unavailable without the right credentials or without the bucket, and says neither', async () => {
    await using wrong = open({ credentials: { accessKeyId: 'test-access', secretAccessKey: 'not-the-secret' } });
    await expect(wrong.head('a')).rejects.toMatchObject({ reason: 'Unavailable' });
    await expect(wrong.put('a', Buffer.from('x'))).rejects.not.toThrow(/not-the-secret/);
    await using nowhere = open({ bucket: 'no-such-bucket' });
    await expect(nowhere.put('a', Buffer.from('x'))).rejects.toMatchObject({ reason: 'Unavailable' });
    await expect(nowhere.get('a')).rejects.toMatchObject({ reason: 'Unavailable' });
  });

  it('is unavailable when nobody listens', async () => {
    await using gone = open({ endpoint: 'http://127.0.0.1:9' });
    await expect(gone.head('a')).rejects.toMatchObject({ reason: 'Unavailable' });
  });
});

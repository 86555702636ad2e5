import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDirectoryBlobs } from '../../src/blobs/directory/directory-blobs.ts';
import { blobsContract } from './blobs.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'porthole-blobs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

blobsContract('a directory', () => createDirectoryBlobs(path.join(folder, 'contract')));

describe('blobs in a directory', () => {
  it('are for their owner only', async () => {
    const root = path.join(folder, 'private');
    const blobs = await createDirectoryBlobs(root);
    await blobs.put('a/b', Buffer.from('x'));
    const modes = await Promise.all(['', 'a', 'a/b'].map((name) => stat(path.join(root, name))));
    expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '700', '600']);
  });

  it('are not what a symbolic link leads to', async () => {
    const root = path.join(folder, 'links');
    const blobs = await createDirectoryBlobs(root);
    await writeFile(path.join(folder, 'secret'), 'secret');
    await symlink(path.join(folder, 'secret'), path.join(root, 'link'));
    expect(await blobs.get('link')).toBeUndefined();
    await blobs.put('link', Buffer.from('mine'));
    expect(await readFile(path.join(folder, 'secret'), 'utf8')).toBe('secret');
  });

  it('leave no folder behind that holds none', async () => {
    const root = path.join(folder, 'empty');
    const blobs = await createDirectoryBlobs(root);
    await blobs.put('a/b/c', Buffer.from('x'));
    await blobs.delete('a/b/c');
    expect(await readdir(root)).toEqual(['.unfinished']);
  });

  it('that nobody finished are removed a day later', async () => {
    const root = path.join(folder, 'abandoned');
    const left = path.join(root, '.unfinished');
    await mkdir(left, { recursive: true });
    await writeFile(path.join(left, 'old'), 'x');
    await writeFile(path.join(left, 'young'), 'x');
    const longAgo = Date.now() / 1000 - 2 * 24 * 3600;
    await utimes(path.join(left, 'old'), longAgo, longAgo);
    await createDirectoryBlobs(root);
    expect(await readdir(left)).toEqual(['young']);
  });

  it('cannot be where a file is in the way', async () => {
    await writeFile(path.join(folder, 'file'), 'x');
    await expect(createDirectoryBlobs(path.join(folder, 'file'))).rejects.toMatchObject({ reason: 'Unavailable' });
  });
});

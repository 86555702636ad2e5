import { randomBytes, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BlobError, type BlobReason } from '../../src/blobs/blob-error.ts';
import type { BlobInfo, BlobRange, BlobStore } from '../../src/blobs/blob-store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* pieces(...chunks: Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) {
    await sleep(1);
    yield chunk;
  }
}

async function reasonOf(attempt: Promise<unknown>): Promise<BlobReason> {
  const outcome = await attempt.then(
    () => new Error('nothing failed'),
    (error: unknown) => error,
  );
  if (outcome instanceof BlobError) return outcome.reason;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}

/** What every BlobStore does, wherever it keeps the bytes. */
export function blobsContract(name: string, make: () => Promise<BlobStore>): void {
  describe(`${name} is a BlobStore`, () => {
    let blobs: BlobStore;
    /** Of one test: whatever others keep in the same store. */
    const folder = (): string => `test-${randomUUID()}`;

    beforeAll(async () => {
      blobs = await make();
    });
    afterAll(() => blobs[Symbol.asyncDispose]());

    const read = async (key: string, range?: BlobRange): Promise<string | undefined> => {
      const blob = await blobs.get(key, range);
      return blob === undefined ? undefined : (await buffer(blob.body)).toString();
    };
    const keys = async (prefix: string): Promise<string[]> => {
      const found: BlobInfo[] = [];
      for await (const info of blobs.list(prefix)) found.push(info);
      return found.map(({ key }) => key).sort();
    };

    test('gives back what was put, with its size and time', async () => {
      const key = `${folder()}/a/b.bin`;
      const before = Date.now();
      const put = await blobs.put(key, bytes('hello'));
      expect(put).toMatchObject({ key, size: 5 });
      expect(await read(key)).toBe('hello');
      const info = await blobs.head(key);
      expect(info).toMatchObject({ key, size: 5 });
      expect(Math.abs((info?.modifiedAtMs ?? 0) - before)).toBeLessThan(60_000);
      const blob = await blobs.get(key);
      expect(blob?.info).toEqual(info);
      blob?.body.destroy();
    });

    test('holds the empty blob', async () => {
      const key = `${folder()}/empty`;
      await blobs.put(key, new Uint8Array());
      expect(await blobs.head(key)).toMatchObject({ size: 0 });
      expect(await read(key)).toBe('');
      await blobs.put(key, pieces());
      expect(await read(key)).toBe('');
    });

    test('takes a stream of any length, in chunks of any length', async () => {
      const key = `${folder()}/large`;
      const chunks = [randomBytes(7), randomBytes(9_000_001), randomBytes(1), randomBytes(4_200_000)];
      const put = await blobs.put(key, pieces(...chunks));
      const whole = Buffer.concat(chunks);
      expect(put.size).toBe(whole.length);
      const blob = await blobs.get(key);
      expect(blob && whole.equals(await buffer(blob.body))).toBe(true);
      const tail = await blobs.get(key, { start: whole.length - 3 });
      expect(tail && whole.subarray(-3).equals(await buffer(tail.body))).toBe(true);
    });

    test('reads a range, both ends inclusive, cut at the end of the blob', async () => {
      const key = `${folder()}/range`;
      await blobs.put(key, bytes('0123456789'));
      expect(await read(key, { start: 2, end: 4 })).toBe('234');
      expect(await read(key, { start: 7 })).toBe('789');
      expect(await read(key, { start: 0, end: 0 })).toBe('0');
      expect(await read(key, { start: 8, end: 4000 })).toBe('89');
      const part = await blobs.get(key, { start: 2, end: 4 });
      expect(part?.info.size).toBe(10);
      part?.body.destroy();
    });

    test('refuses a range that holds no byte', async () => {
      const key = `${folder()}/range`;
      await blobs.put(key, bytes('0123'));
      for (const range of [{ start: 4 }, { start: 2, end: 1 }, { start: -1 }, { start: 99, end: 100 }])
        expect(await reasonOf(blobs.get(key, range))).toBe('InvalidRange');
      await blobs.put(key, new Uint8Array());
      expect(await reasonOf(blobs.get(key, { start: 0 }))).toBe('InvalidRange');
    });

    test('knows nothing of what was never put', async () => {
      const key = `${folder()}/a`;
      expect(await blobs.get(key)).toBeUndefined();
      expect(await blobs.get(key, { start: 0 })).toBeUndefined();
      expect(await blobs.head(key)).toBeUndefined();
      await blobs.delete(key);
      await blobs.put(`${key}/b`, bytes('x'));
      expect(await blobs.head(key)).toBeUndefined();
      expect(await blobs.get(key)).toBeUndefined();
      await blobs.delete(key);
      expect(await read(`${key}/b`)).toBe('x');
    });

    test('replaces as a whole, and who reads the one before reads it to its end', async () => {
      const key = `${folder()}/replaced`;
      const before = randomBytes(3_000_000);
      await blobs.put(key, before);
      const reading = await blobs.get(key);
      await blobs.put(key, bytes('after'));
      expect(await read(key)).toBe('after');
      expect(reading && before.equals(await buffer(reading.body))).toBe(true);
    });

    test('shows nothing of a blob whose body fails, and keeps the one before', async () => {
      const at = folder();
      async function* failing(): AsyncIterable<Uint8Array> {
        yield randomBytes(100_000);
        yield randomBytes(6_000_000);
        await sleep(1);
        throw new Error('the source is gone');
      }
      await expect(blobs.put(`${at}/new`, failing())).rejects.toThrow('the source is gone');
      expect(await keys(at)).toEqual([]);
      await blobs.put(`${at}/kept`, bytes('kept'));
      await expect(blobs.put(`${at}/kept`, failing())).rejects.toThrow('the source is gone');
      expect(await read(`${at}/kept`)).toBe('kept');
      expect(await keys('')).not.toContainEqual(expect.stringContaining('unfinished'));
    });

    test('shows a blob at its last byte, not before', async () => {
      const at = folder();
      const half = Promise.withResolvers<undefined>();
      async function* slow(): AsyncIterable<Uint8Array> {
        yield randomBytes(6_000_000);
        await half.promise;
        yield bytes('end');
      }
      const putting = blobs.put(`${at}/slow`, slow());
      await sleep(50);
      expect(await blobs.head(`${at}/slow`)).toBeUndefined();
      expect(await keys(at)).toEqual([]);
      half.resolve(undefined);
      await putting;
      expect(await keys(at)).toEqual([`${at}/slow`]);
    });

    test('of many at once under one key one wins, whole', async () => {
      const key = `${folder()}/contested`;
      const bodies = Array.from({ length: 8 }, (_, i) => Buffer.alloc(200_000, i + 1));
      await Promise.all(bodies.map((body) => blobs.put(key, body)));
      const blob = await blobs.get(key);
      const seen = blob ? await buffer(blob.body) : Buffer.alloc(0);
      expect(bodies.some((body) => body.equals(seen))).toBe(true);
    });

    test('puts and deletes of neighbours do not disturb each other', async () => {
      const at = folder();
      await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          await blobs.put(`${at}/deep/${i}`, bytes(`${i}`));
          await blobs.delete(`${at}/deep/${i}`);
          await blobs.put(`${at}/deep/${i}/again`, bytes(`${i}`));
        }),
      );
      expect(await keys(at)).toHaveLength(20);
    });

    test('forgets what is deleted', async () => {
      const at = folder();
      await blobs.put(`${at}/a`, bytes('a'));
      await blobs.put(`${at}/b`, bytes('b'));
      await blobs.delete(`${at}/a`);
      await blobs.delete(`${at}/a`);
      expect(await read(`${at}/a`)).toBeUndefined();
      expect(await keys(at)).toEqual([`${at}/b`]);
    });

    test('lists by the beginning of keys', async () => {
      const at = folder();
      const all = ['x/1', 'x/2', 'x-y', 'xy/1', 'z'].map((key) => `${at}/${key}`);
      for (const key of all) await blobs.put(key, bytes(key));
      const below = (prefix: string): Promise<string[]> => keys(`${at}/${prefix}`);
      expect(await below('')).toEqual(all.toSorted());
      expect(await below('x/')).toEqual([`${at}/x/1`, `${at}/x/2`]);
      expect(await below('x')).toEqual(all.filter((key) => !key.endsWith('/z')).toSorted());
      expect(await below('x/1')).toEqual([`${at}/x/1`]);
      expect(await below('nothing/')).toEqual([]);
      for await (const info of blobs.list(`${at}/z`)) expect(info).toEqual(await blobs.head(`${at}/z`));
    });

    test.each([
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      'a/..',
      '../a',
      'a/../../b',
      '.hidden',
      'a/.unfinished/b',
      'a\\b',
      'a b',
      'ä',
      'a\0',
      'a%2fb',
      'x'.repeat(201),
      `${'x/'.repeat(256)}x`,
    ])('refuses %j as a key', async (key) => {
      for (const attempt of [
        () => blobs.put(key, bytes('x')),
        () => blobs.get(key),
        () => blobs.head(key),
        () => blobs.delete(key),
      ])
        expect(await reasonOf(attempt())).toBe('InvalidKey');
    });

    test.each(['../', '/', 'a/../b', '.unfinished/'])('refuses %j as the beginning of keys', async (prefix) => {
      expect(await reasonOf(keys(prefix))).toBe('InvalidKey');
    });
  });
}

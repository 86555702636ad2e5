import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFakeAgents, silentLogger } from '../../../test/support/fakes.ts';
import { patience } from '../../../test/support/patience.ts';
import type { AgentRecording } from '../../api/agent/wire.ts';
import { finalKey, manifestKey, pieceKey } from '../../api/recording/keys.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { createDirectoryBlobs } from '../../blobs/directory/directory-blobs.ts';
import { systemClock } from '../../lib/clock.ts';
import { SandboxError } from '../../sandbox/port.ts';
import { followRecording, type FollowDeps } from './follow.ts';
import { listPieces, readManifest } from './stored.ts';

const id = '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11';
const ref = { account: 'a', sessionUid: id, recordingId: id };
const sandbox = { podUid: 'p', podIp: '127.77.9.9', sessionUid: id };
const maxBytes = 1_000_000;

function box(type: string, length: number): Buffer {
  const bytes = Buffer.alloc(length, type.charCodeAt(1));
  bytes.writeUInt32BE(length, 0);
  bytes.write(type, 4, 'latin1');
  return bytes;
}
const head = Buffer.concat([box('ftyp', 20), box('moov', 30)]);
const fragment = (n: number): Buffer => Buffer.concat([box('moof', 16), box('mdat', 100 + n)]);

let folder: string;
let blobs: BlobStore;
let there = true;
let final: Buffer | undefined;
let kept = 0;
/** What the agent sends, from the byte that it is asked for on. */
let follow: (from: number) => Readable | SandboxError;

const facts: AgentRecording = {
  recordingId: id,
  status: 'stopped',
  startedAtMs: Date.now(),
  stopReason: 'Requested',
  bytes: 1,
};

function deps(): FollowDeps {
  const agents = {
    ...createFakeAgents(),
    recordings: () => Promise.resolve([facts]),
    followRecording: (_sandbox: unknown, { from }: { from: number }) => {
      const answer = follow(from);
      return answer instanceof SandboxError ? Promise.reject(answer) : Promise.resolve(answer);
    },
    finalRecording: () =>
      final ? Promise.resolve(Readable.from([final])) : Promise.reject(new SandboxError('no_recording', 'none')),
    recordingIsKept: () => {
      kept += 1;
      return Promise.resolve();
    },
  };
  return { agents, blobs, clock: systemClock, logger: silentLogger, isSandboxThere: () => there };
}

async function stored(): Promise<Buffer> {
  const pieces = (await listPieces(blobs, ref)).toSorted((a, b) => a.firstByte - b.firstByte);
  const chunks: Buffer[] = [];
  for (const { key } of pieces)
    for await (const chunk of (await blobs.get(key))?.body ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const never = new AbortController().signal;
const run = (signal = never) => followRecording(deps(), { ref, sandbox, maxBytes }, signal);

/** Sends these, and breaks off. */
function broken(...chunks: readonly Buffer[]): Readable {
  const body = new PassThrough();
  for (const chunk of chunks) body.write(chunk);
  setTimeout(() => body.destroy(new Error('the connection was lost')), 20);
  return body;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'porthole-follow-'));
  blobs = await createDirectoryBlobs(folder);
  there = true;
  final = undefined;
  kept = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a recording that comes to its end', () => {
  it('is replaced by the one file, and the sandbox told that it is kept', async () => {
    final = Buffer.from('the whole of it');
    follow = () => Readable.from([head, fragment(1), fragment(2)]);
    const manifest = await run();
    expect(manifest).toMatchObject({
      status: 'stopped',
      form: 'file',
      bytes: 15,
      reason: 'Requested',
      isCutShort: false,
    });
    expect(await readManifest(blobs, manifestKey(ref))).toEqual(manifest);
    expect((await blobs.head(finalKey(ref)))?.size).toBe(15);
    expect(await listPieces(blobs, ref)).toEqual([]);
    expect(kept).toBe(1);
  });

  it('stays in pieces where that file cannot be had', async () => {
    const all = Buffer.concat([head, fragment(1), fragment(2)]);
    follow = () => Readable.from([all]);
    expect(await run()).toMatchObject({ form: 'pieces', bytes: all.length, isCutShort: false });
    expect((await stored()).equals(all)).toBe(true);
  });

  it('is not looked at again', async () => {
    follow = () => Readable.from([head]);
    const manifest = await run();
    follow = () => new SandboxError('spent', 'nobody asks');
    expect(await run()).toEqual(manifest);
  });

  it('is ended where its sandbox does not end it', async () => {
    follow = () => Readable.from([head, box('mdat', maxBytes), box('mdat', maxBytes)]);
    const { bytes } = await run();
    expect(bytes).toBeLessThan(maxBytes + 1_000);
  });
});

describe('a connection that breaks', () => {
  it('is made again, from the very byte', async () => {
    const all = Buffer.concat([head, fragment(1), fragment(2), fragment(3)]);
    const cuts = [70, 200];
    const asked: number[] = [];
    follow = (from) => {
      asked.push(from);
      const cut = cuts.shift();
      return cut === undefined ? Readable.from([all.subarray(from)]) : broken(all.subarray(from, cut));
    };
    expect(await run()).toMatchObject({ bytes: all.length, isCutShort: false });
    expect(asked).toEqual([0, 70, 200]);
    expect((await stored()).equals(all)).toBe(true);
  });

  it('is the end when the sandbox has gone: whole fragments are what is left', async () => {
    there = false;
    follow = () => broken(head, fragment(1), fragment(2).subarray(0, 50));
    const whole = Buffer.concat([head, fragment(1)]);
    expect(await run()).toMatchObject({ bytes: whole.length, isCutShort: true, reason: 'SandboxLost', form: 'pieces' });
    expect((await stored()).equals(whole)).toBe(true);
  });

  it('is the end when another sandbox answers', async () => {
    follow = (from) =>
      from === 0 ? broken(head, fragment(1)) : new SandboxError('spent', 'it serves another session');
    expect(await run()).toMatchObject({ isCutShort: true, reason: 'SandboxLost' });
  });
});

describe('an operator that ends', () => {
  it('stores what has come, and the next goes on behind it', async () => {
    const first = Buffer.concat([head, fragment(1)]);
    const rest = Buffer.concat([fragment(2), fragment(3)]);
    const stop = new AbortController();
    const body = new PassThrough();
    follow = () => body;
    const one = run(stop.signal);
    body.write(first);
    await vi.waitFor(async () => expect(await readManifest(blobs, manifestKey(ref))).toBeDefined(), patience);
    await vi.waitFor(() => expect(body.readableLength).toBe(0), patience);
    stop.abort();
    body.destroy(new Error('aborted'));
    await expect(one).rejects.toThrow();
    expect((await blobs.head(pieceKey(ref, 0)))?.size).toBe(first.length);
    expect(await readManifest(blobs, manifestKey(ref))).toMatchObject({ status: 'recording' });

    const asked: number[] = [];
    follow = (from) => {
      asked.push(from);
      return Readable.from([rest]);
    };
    expect(await run()).toMatchObject({ status: 'stopped', bytes: first.length + rest.length });
    expect(asked).toEqual([first.length]);
    expect((await stored()).equals(Buffer.concat([first, rest]))).toBe(true);
  });

  it('and whose sandbox has gone as well leaves what was stored', async () => {
    await blobs.put(pieceKey(ref, 0), head);
    expect(await followRecording(deps(), { ref, maxBytes }, never)).toMatchObject({
      bytes: head.length,
      isCutShort: true,
    });
  });

  it('leaves nothing of a recording of which there is nothing', async () => {
    await followRecording(deps(), { ref, maxBytes }, never);
    expect(await blobs.head(manifestKey(ref))).toBeUndefined();
  });
});

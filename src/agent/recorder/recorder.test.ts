import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { patience } from '../../../test/support/patience.ts';
import { findInSession, startTestAgent, type TestAgent } from '../../../test/support/test-agent.ts';
import { agentExitCodes } from '../../api/agent/contract.ts';

const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const bind = { idlePolicy: 'attached' } as const;

async function readAll(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Probed {
  readonly streams: readonly { readonly codec_name: string; readonly pix_fmt: string; readonly width: number }[];
  readonly format: { readonly duration: string };
}

async function probe(agent: TestAgent, bytes: Buffer): Promise<Probed> {
  const file = join(agent.workDir, '..', `${randomUUID()}.mp4`);
  await writeFile(file, bytes);
  const args = ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', file];
  return JSON.parse(execFileSync('ffprobe', args, { encoding: 'utf8' })) as Probed;
}

const follow = async (agent: TestAgent, recordingId: string, from = 0): Promise<Readable> =>
  agent.client.followRecording(agent.ref, { recordingId, from }, soon());

describe('an agent that records', () => {
  let agent: TestAgent;
  const recordingId = randomUUID();
  beforeAll(async () => {
    agent = await startTestAgent({ index: 14 });
    await agent.waitUntilReady();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('records from before the bind is answered', async () => {
    await agent.client.bind(agent.ref, { ...bind, recording: { recordingId } }, soon());
    const [recording] = await agent.client.recordings(agent.ref, soon());
    expect(recording).toMatchObject({ recordingId, status: 'recording' });
    const [ffmpeg = 0] = await findInSession(agent.pid, /x11grab/);
    // Ten behind the agent, which need not be at 0 itself; 19 is the last.
    expect(getPriority(ffmpeg)).toBe(Math.min(19, getPriority(agent.pid) + 10));
  });

  it('takes the same one again, and no other while it runs', async () => {
    expect(await agent.client.startRecording(agent.ref, recordingId, soon())).toMatchObject({ recordingId });
    const other = agent.client.startRecording(agent.ref, randomUUID(), soon());
    await expect(other).rejects.toMatchObject({ code: 'recording_runs' });
  });

  it('gives it out while it grows, from any byte, and whole when it has stopped', async () => {
    const body = await follow(agent, recordingId);
    const all = readAll(body);
    await vi.waitFor(async () => {
      expect((await agent.client.recordings(agent.ref, soon()))[0]?.bytes).toBeGreaterThan(5_000);
    }, patience);
    const { bytes, finalBytes, stopReason } = await agent.client.stopRecording(agent.ref, 'Requested', soon());
    expect(stopReason).toBe('Requested');
    const pieces = await all;
    expect(pieces).toHaveLength(bytes);
    expect((await readAll(await follow(agent, recordingId, 1_000))).equals(pieces.subarray(1_000))).toBe(true);

    const final = await readAll(await agent.client.finalRecording(agent.ref, recordingId, soon()));
    expect(final).toHaveLength(finalBytes ?? 0);
    expect(final.indexOf('moov')).toBeLessThan(final.indexOf('mdat'));
    for (const bytesOf of [pieces, final]) {
      const { streams, format } = await probe(agent, bytesOf);
      expect(streams).toMatchObject([{ codec_name: 'h264', pix_fmt: 'yuv420p', width: 1280 }]);
      expect(Number(format.duration)).toBeGreaterThan(1);
    }
  });

  it('stops one once', async () => {
    const again = agent.client.stopRecording(agent.ref, 'Requested', soon());
    await expect(again).rejects.toMatchObject({ code: 'no_recording' });
  });

  it('says when somebody else has it, and keeps it no longer', async () => {
    const kept = agent.client.whenRecordingIsKept(agent.ref, recordingId, soon());
    await agent.client.recordingIsKept(agent.ref, recordingId, soon());
    await kept;
    expect(await agent.client.recordings(agent.ref, soon())).toEqual([]);
    await expect(follow(agent, recordingId)).rejects.toMatchObject({ code: 'no_recording' });
    await expect(follow(agent, `${randomUUID().slice(0, -3)}%2e`)).rejects.toMatchObject({ code: 'no_recording' });
  });

  it('lets nobody else have it', async () => {
    const path = `/v1/recordings/${recordingId}`;
    expect((await agent.fetch(path)).status).toBe(401);
    const stranger = agent.ticket('control', { sessionUid: randomUUID() });
    expect((await agent.fetch(path, { ticket: stranger })).status).toBe(409);
  });

  it('records again, to the end of its session, and waits with its own end until somebody has it', async () => {
    const next = randomUUID();
    await agent.client.startRecording(agent.ref, next, soon());
    const all = readAll(await follow(agent, next));
    await vi.waitFor(async () => {
      expect((await agent.client.recordings(agent.ref, soon()))[0]?.bytes).toBeGreaterThan(3_000);
    }, patience);
    const [browser = 0] = await findInSession(agent.pid, /--remote-debugging-port=/);
    process.kill(browser, 'SIGKILL');
    const pieces = await all;
    expect(Number((await probe(agent, pieces)).format.duration)).toBeGreaterThan(0.5);
    const [recording] = await agent.client.recordings(agent.ref, soon());
    expect(recording).toMatchObject({ status: 'stopped', stopReason: 'BrowserGone', bytes: pieces.length });
    await readAll(await agent.client.finalRecording(agent.ref, next, soon()));
    await agent.client.recordingIsKept(agent.ref, next, soon());
    expect(await agent.exited).toBe(agentExitCodes.browserGone);
  });
});

describe('a recording that is as large as one may be', () => {
  it('ends by itself, and says so', async () => {
    await using agent = await startTestAgent({ index: 15, environment: { PORTHOLE_RECORDING_MAX_BYTES: '2000' } });
    const recordingId = randomUUID();
    await agent.client.bind(agent.ref, { ...bind, recording: { recordingId } }, soon());
    const body = await readAll(await follow(agent, recordingId));
    const [recording] = await agent.client.recordings(agent.ref, soon());
    expect(recording).toMatchObject({ status: 'stopped', stopReason: 'SizeLimit', bytes: body.length });
    agent.process.kill('SIGTERM');
    expect(await agent.exited).toBe(agentExitCodes.told); // though nobody has taken it
  });
});

describe('a recording whose agent is told to end', () => {
  it('ends as its session does, and is there for whoever keeps it', async () => {
    await using agent = await startTestAgent({ index: 19 });
    const recordingId = randomUUID();
    await agent.client.bind(agent.ref, { ...bind, recording: { recordingId } }, soon());
    const all = readAll(await follow(agent, recordingId));
    agent.process.kill('SIGTERM');
    const pieces = await all;
    const [recording] = await agent.client.recordings(agent.ref, soon());
    expect(recording).toMatchObject({ status: 'stopped', stopReason: 'SessionEnded', bytes: pieces.length });
    await agent.client.recordingIsKept(agent.ref, recordingId, soon());
    expect(await agent.exited).toBe(agentExitCodes.told);
    expect(agent.output()).not.toMatch(/SIGTERM$/m);
  });
});

describe('a recording whose ffmpeg ends by itself', () => {
  it('ends there and plays, and the session goes on', async () => {
    await using agent = await startTestAgent({ index: 17 });
    const recordingId = randomUUID();
    await agent.client.bind(agent.ref, { ...bind, recording: { recordingId } }, soon());
    const all = readAll(await follow(agent, recordingId));
    await vi.waitFor(async () => {
      expect((await agent.client.recordings(agent.ref, soon()))[0]?.bytes).toBeGreaterThan(3_000);
    }, patience);
    const [ffmpeg = 0] = await findInSession(agent.pid, /x11grab/);
    process.kill(ffmpeg, 'SIGKILL');
    const pieces = await all;
    expect(Number((await probe(agent, pieces)).format.duration)).toBeGreaterThan(0.5);
    const [recording] = await agent.client.recordings(agent.ref, soon());
    expect(recording).toMatchObject({ status: 'stopped', stopReason: 'RecorderFailed', bytes: pieces.length });
    expect((await agent.client.status(agent.ref, soon())).phase).toBe('bound');
    const next = agent.client.startRecording(agent.ref, randomUUID(), soon());
    expect(await next).toMatchObject({ status: 'recording' });
  });
});

describe('an agent that cannot record', () => {
  it.each([
    ['without ffmpeg', { PATH: '/nowhere' }, /headless/],
    ['without a screen', { PORTHOLE_DISPLAY: 'headless' }, /Install TigerVNC/],
  ])('%s refuses to, and says what to install', async (_what, environment, says) => {
    await using agent = await startTestAgent({ index: 16, environment });
    const binding = agent.client.bind(agent.ref, { ...bind, recording: { recordingId: randomUUID() } }, soon());
    await expect(binding).rejects.toMatchObject({ code: 'capability', message: expect.stringMatching(says) as string });
  });
});

import { afterAll, describe, expect, test, vi } from 'vitest';
import { attach, type CdpClient } from '../support/cdp-client.ts';
import type { ApiClient, Session } from '../support/api-client.ts';
import { patience, stretch } from '../support/patience.ts';
import { readProcess } from '../support/process-table.ts';
import { readVideo, type Video } from '../support/video.ts';
import { startWorld } from '../support/world.ts';

const stranger = 'a-key-of-somebody-else';
const brief = 'a-key-of-a-brief-account';
/** Time enough to become ready in, on a busy machine. */
const briefLifeMs = 15_000;
const world = await startWorld({
  maxConcurrentSessions: 3,
  warm: { min: 1, max: 2 },
  accounts: [
    { name: 'stranger', apiKey: stranger },
    { name: 'brief', apiKey: brief, limits: { maxLifetimeMs: briefLifeMs }, recordingRetentionSeconds: 4 },
  ],
});
afterAll(() => world[Symbol.asyncDispose]());

interface Recording {
  readonly recordingId: string;
  readonly status: string;
  readonly startedAt: number;
  readonly stoppedAt?: number;
  readonly bytes: number;
  readonly reason?: string;
  readonly cutShort?: boolean;
  readonly expiresAt?: number;
}

const pathOf = (id: string, more: string): string => `/api/v1/browser/sessions/${id}/${more}`;
const switchTo = (id: string, what: 'start' | 'stop', api = world.api) =>
  api.call('POST', pathOf(id, `recording/${what}`));

async function listOf(id: string, api = world.api): Promise<readonly Recording[]> {
  const answer = await api.call('GET', pathOf(id, 'recordings'));
  expect(answer.status, answer.text).toBe(200);
  return (answer.json() as { recordings: readonly Recording[] }).recordings;
}

function download(id: string, headers: Record<string, string> = {}, more = 'recording', method = 'GET') {
  const authorization = `Bearer ${world.api.apiKey}`;
  return fetch(new URL(pathOf(id, more), world.apiUrl), { method, headers: { authorization, ...headers } });
}

const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

/** Pixels a second: where the mark is tells how long it has been on its way. */
const speed = 50;
const markWidth = 80;

interface Shown {
  readonly client: CdpClient;
  /** Epoch milliseconds at which the mark was at the left edge. */
  readonly sinceMs: number;
}

/** Shows a page whose red mark moves by the clock. */
async function show({ cdpUrl }: Session): Promise<Shown> {
  const client = await attach(cdpUrl);
  const { targetInfos } = await client.call<{ targetInfos: { targetId: string; type: string }[] }>('Target.getTargets');
  const targetId = targetInfos.find(({ type }) => type === 'page')?.targetId;
  const { sessionId } = await client.call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
  const sinceMs = Date.now();
  const expression = `
    document.body.style.cssText = 'margin:0;background:#cde';
    const mark = document.body.appendChild(document.createElement('div'));
    mark.style.cssText = 'position:fixed;top:150px;width:${markWidth}px;height:200px;background:#f00';
    const move = () => { mark.style.left = (Date.now() - ${sinceMs}) / 1000 * ${speed} + 'px'; };
    move(); setInterval(move, 50);
    new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))`;
  // Until it is on the screen, which takes its time on a busy machine.
  await client.call('Runtime.evaluate', { expression, awaitPromise: true }, sessionId);
  return { client, sinceMs };
}

/** Seconds for which the mark had been on its way in each second of the video; where it is seen. */
function marksOf({ frames }: Video): readonly { readonly at: number; readonly seconds: number }[] {
  return frames.flatMap(({ markX }, at) =>
    markX === undefined ? [] : [{ at, seconds: (markX - markWidth / 2) / speed }],
  );
}

interface Expected {
  /** Seconds. */
  readonly duration: number;
  readonly startedAt: number;
  readonly shown: Shown;
}

/** It plays, is as long as it was, and the mark is where it was at the time. */
function expectVideo(bytes: Buffer, { duration, startedAt, shown }: Expected): Video {
  const video = readVideo(bytes);
  expect(video).toMatchObject({ codec: 'h264', pixelFormat: 'yuv420p', complaints: '' });
  expect([video.width % 2, video.height % 2]).toEqual([0, 0]);
  expect(Math.abs(video.duration - duration), `${video.duration} s instead of ${duration}`).toBeLessThan(1);
  for (const { brightness } of video.frames.slice(1)) expect(brightness).toBeGreaterThan(20);
  const marks = marksOf(video);
  expect(marks.length).toBeGreaterThanOrEqual(2);
  const delay = (shown.sinceMs - startedAt) / 1000;
  for (const { at, seconds } of marks) {
    expect(Math.abs(seconds + delay - at), `the mark of second ${at} is ${seconds + delay}`).toBeLessThan(1);
  }
  return video;
}

async function stoppedOf(id: string, api: ApiClient = world.api): Promise<Recording> {
  return vi.waitUntil(async () => {
    const all = await listOf(id, api).catch(() => []);
    return all.find(({ status, stoppedAt }) => status === 'stopped' && stoppedAt !== undefined);
  }, patience);
}

describe('a session that is recorded on demand', () => {
  let session: Session;
  let first: Recording;
  let bytes: Buffer;

  test('is recorded from start to stop, and the MP4 is complete then', async () => {
    session = await world.api.create();
    const { id } = session;
    expect((await switchTo(id, 'stop')).status).toBe(404);
    expect((await download(id)).status).toBe(404);
    expect(await listOf(id)).toEqual([]);

    const started = await switchTo(id, 'start');
    const runsAt = Date.now();
    expect(started.json()).toEqual({ recordingId: expect.any(String) as string, status: 'recording' });
    const shown = await show(session);
    await using _client = shown.client;
    const twice = await switchTo(id, 'start');
    expect([twice.status, twice.problem().code]).toEqual([409, 'recording_running']);
    expect((await download(id)).status).toBe(409);
    await stretch(5_000);

    const ranMs = Date.now() - runsAt;
    const stopped = await switchTo(id, 'stop');
    expect(stopped.status, stopped.text).toBe(200);
    expect(stopped.json()).toEqual({ ...(started.json() as object), status: 'stopped' });
    const answer = await download(id);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('video/mp4');
    bytes = await bytesOf(answer);
    [first] = (await listOf(id)) as [Recording];
    expect(first).toMatchObject({ status: 'stopped', bytes: bytes.length, reason: 'Requested' });
    // From its first picture, before the one call is answered, to the end, after the other is made.
    const duration = ((first.stoppedAt ?? 0) - first.startedAt) / 1000;
    expect(duration).toBeGreaterThan(ranMs / 1000 - 0.1);
    expectVideo(bytes, { duration, startedAt: first.startedAt, shown });
    // The index comes first: a player can jump in it before it has all of it.
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
    expect((await switchTo(id, 'stop')).status).toBe(404);
  });

  test('is downloaded in parts', async () => {
    const { id } = session;
    const head = await download(id, {}, 'recording', 'HEAD');
    expect(head.headers.get('content-length')).toBe(String(bytes.length));
    expect(head.headers.get('accept-ranges')).toBe('bytes');
    const etag = head.headers.get('etag') ?? '';
    const size = bytes.length;
    const parts: readonly [string, number, number][] = [
      ['bytes=0-0', 0, 0],
      ['bytes=100-999', 100, 999],
      [`bytes=${size - 10}-`, size - 10, size - 1],
      ['bytes=-500', size - 500, size - 1],
      [`bytes=5-${size * 2}`, 5, size - 1],
    ];
    for (const [range, start, end] of parts) {
      const part = await download(id, { range });
      expect([range, part.status]).toEqual([range, 206]);
      expect(part.headers.get('content-range')).toBe(`bytes ${start}-${end}/${size}`);
      expect((await bytesOf(part)).equals(bytes.subarray(start, end + 1))).toBe(true);
    }
    const beyond = await download(id, { range: `bytes=${size}-` });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${size}`]);
    expect((await download(id, { 'if-none-match': etag })).status).toBe(304);
    expect((await download(id, { range: 'bytes=0-9', 'if-range': etag })).status).toBe(206);
    const changed = await download(id, { range: 'bytes=0-9', 'if-range': '"another"' });
    expect([changed.status, (await bytesOf(changed)).length]).toEqual([200, size]);
  });

  test('is nobody else’s', async () => {
    const other = world.as(stranger);
    const calls = [
      other.call('GET', pathOf(session.id, 'recording')),
      other.call('GET', pathOf(session.id, `recording?recordingId=${first.recordingId}`)),
      other.call('GET', pathOf(session.id, 'recordings')),
      switchTo(session.id, 'start', other),
      switchTo(session.id, 'stop', other),
      world.api.call('GET', pathOf(session.id, 'recording?recordingId=../../x')),
      world.api.call('GET', pathOf('not-an-id', 'recording')),
    ];
    for (const { status } of await Promise.all(calls)) expect(status).toBe(404);
    expect((await world.as('').call('GET', pathOf(session.id, 'recording'))).status).toBe(401);
    expect((await world.api.call('GET', pathOf(session.id, 'recording?recording=1'))).status).toBe(400);
  });

  test('can be recorded again, and each recording downloaded when the session has gone', async () => {
    const { id } = session;
    expect((await switchTo(id, 'start')).status).toBe(200);
    const named = `recording?recordingId=${first.recordingId}`;
    expect((await download(id, {}, named)).status).toBe(200);
    await stretch(2_000);
    await world.api.end(id);
    expect(await world.api.statusOf(id)).toBe(404);
    const all = await vi.waitUntil(async () => {
      const listed = await listOf(id);
      return listed.every(({ status }) => status === 'stopped') && listed;
    }, patience);
    expect(all).toHaveLength(2);
    expect((await bytesOf(await download(id, {}, named))).equals(bytes)).toBe(true);
    const newest = await bytesOf(await download(id));
    expect(newest).toHaveLength(all[1]?.bytes ?? 0);
    expect(readVideo(newest).duration).toBeGreaterThan(1);
  });
});

/** What records, and above it in the process table its agent. Of a browser in a Pod nobody outside knows the process ids. */
function recorderOf(): { readonly agent: number; readonly recorder: number } {
  const recorders = world.sandboxProcesses().filter(({ command }) => command.includes('x11grab'));
  const [{ pid, ppid } = { pid: 0, ppid: 0 }] = recorders;
  expect(recorders).toHaveLength(1);
  return { agent: ppid, recorder: pid };
}

/** How a session ends, and how it is said why its recording did. */
interface Ending {
  readonly reason: string;
  readonly body?: object;
  readonly api?: ApiClient;
  readonly end: (session: Session, client: CdpClient) => Promise<unknown>;
}

const endings: Readonly<Record<string, Ending>> = {
  DELETE: { reason: 'SessionEnded', end: ({ id }) => world.api.end(id) },
  idleness: {
    reason: 'SessionEnded',
    // Time enough for a client to attach.
    body: { timeout: 5_000 },
    end: async (_session, client) => client[Symbol.asyncDispose](),
  },
  'its longest life': { reason: 'SessionEnded', api: world.as(brief), end: () => Promise.resolve() },
  'a crash of Chromium': {
    reason: 'BrowserGone',
    end: (_session, client) => {
      client.call('Browser.crash').catch(() => undefined); // the answer never comes
      return Promise.resolve();
    },
  },
  'a SIGKILL of its agent': {
    reason: 'SandboxLost',
    end: async () => {
      const { agent, recorder } = await vi.waitFor(recorderOf, patience);
      expect(readProcess(agent)?.command).toContain('agent');
      for (const pid of [agent, recorder]) process.kill(pid, 'SIGKILL');
    },
  },
};

describe('a session with the capability is recorded from its first moment, and ends by', () => {
  test.each(Object.entries(endings))('%s', async (_how, { reason, body, api = world.api, end }) => {
    const session = await api.create({ capabilities: ['recording'], ...body });
    const createdAt = Date.now();
    expect(session.capabilities).toEqual(['recording']);
    const shown = await show(session);
    await using client = shown.client;
    expect((await switchTo(session.id, 'start', api)).status).toBe(409);
    await stretch(4_000);
    await end(session, client);
    const endedAt = Date.now();
    await vi.waitFor(async () => expect(await api.statusOf(session.id)).toBe(404), patience);
    const recording = await stoppedOf(session.id, api);
    expect(recording).toMatchObject({ recordingId: session.id, reason });
    expect(recording.cutShort ?? false).toBe(reason === 'SandboxLost');

    const answer = await fetch(new URL(pathOf(session.id, 'recording'), world.apiUrl), {
      headers: { authorization: `Bearer ${api.apiKey}` },
    });
    const bytes = await bytesOf(answer);
    const video = readVideo(bytes);
    expect(video).toMatchObject({ codec: 'h264', pixelFormat: 'yuv420p' });
    // From the first moment; to the last, or all but the last fragment of a sandbox that was lost.
    const lasted = ((api === world.api ? endedAt : session.createdAt + briefLifeMs) - createdAt) / 1000;
    expect(video.duration).toBeGreaterThan(lasted - (reason === 'SandboxLost' ? 3 : 1));
    const marks = marksOf(video);
    expect(marks.length).toBeGreaterThanOrEqual(2);
    for (const { at, seconds } of marks) {
      const expected = at - (shown.sinceMs - recording.startedAt) / 1000;
      expect(Math.abs(seconds - expected), `second ${at}: ${seconds}, not ${expected}`).toBeLessThan(1);
    }
  });
});

test('a recording is gone when the time is over for which its account keeps it', async () => {
  const api = world.as(brief);
  const session = await api.create({ capabilities: ['recording'] });
  await stretch(1_500);
  await api.end(session.id);
  await stoppedOf(session.id, api);
  await vi.waitFor(async () => expect((await api.call('GET', pathOf(session.id, 'recording'))).status).toBe(404), {
    timeout: 60_000,
    interval: 500,
  });
  expect((await api.call('GET', pathOf(session.id, 'recordings'))).status).toBe(404);
});

test('nothing is left of what was recorded in sandboxes', async () => {
  await vi.waitFor(() => {
    expect(world.sandboxProcesses().filter(({ command }) => command.includes('x11grab'))).toEqual([]);
  }, patience);
});

import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { patience } from '../../../test/support/patience.ts';
import { manifestKey } from '../../api/recording/keys.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { readManifest } from './stored.ts';

let bench: Bench;
/** What the sandbox sends of its recording. */
let body: PassThrough;
let stops: string[];

beforeEach(async () => {
  bench = new Bench();
  startFakeNode(bench.store, { signal: bench.stop.signal });
  body = new PassThrough();
  stops = [];
  bench.agents.followRecording = (_sandbox, _part, signal) => {
    const sent = body;
    signal.addEventListener('abort', () => sent.destroy(new Error('aborted')));
    return Promise.resolve(sent);
  };
  bench.agents.finalRecording = () => Promise.resolve(Readable.from([Buffer.from('video')]));
  bench.agents.stopRecording = (_sandbox, reason) => {
    stops.push(reason);
    return Promise.reject(new Error('it says nothing'));
  };
  await bench.account({ maxConcurrentSessions: 1 });
  await bench.pool({ warm: { min: 0, max: 0 } });
});
afterEach(() => bench[Symbol.asyncDispose]());

const recordingOf = ({ status }: BrowserSession): readonly (string | undefined)[] => {
  const condition = status?.conditions?.find(({ type }) => type === 'Recording');
  return [condition?.status, condition?.reason];
};
const keyOf = ({ metadata: { uid } }: BrowserSession): string =>
  manifestKey({ account: 'a', sessionUid: uid, recordingId: uid });

it('a session says that it is recorded, and that the recording has ended', async () => {
  await bench.session('s', { capabilities: ['recording'] });
  const session = await bench.phase('s', 'Ready');
  expect(recordingOf(session)).toEqual(['True', 'Recording']);
  await vi.waitFor(async () => expect(await readManifest(bench.blobs, keyOf(session))).toBeDefined(), patience);
  body.end();
  await vi.waitFor(async () => {
    const now = await bench.store.get(browserSessions, named('s'));
    expect(now && recordingOf(now)).toEqual(['False', 'Stopped']);
  }, patience);
  expect(await readManifest(bench.blobs, keyOf(session))).toMatchObject({ status: 'stopped', form: 'file', bytes: 5 });
});

it('a sandbox stays until its recording is stored, and its slot is free before', async () => {
  bench.agents.idleForMs = 60_000;
  const session = await bench.session('s', { capabilities: ['recording'], idleTimeoutMs: 1_000 });
  const { status } = await bench.phase('s', 'Ready');
  await vi.waitFor(async () => expect(await readManifest(bench.blobs, keyOf(session))).toBeDefined(), patience);
  await bench.phase('s', 'Ended', patience.timeout);
  await vi.waitFor(() => expect(stops).toEqual(['SessionEnded']), patience);

  await bench.session('next');
  const next = await bench.phase('next', 'Ready', patience.timeout);
  const own = [status?.sandbox?.podName, next.status?.sandbox?.podName].toSorted();
  expect((await bench.pods()).map(({ name }) => name).toSorted()).toEqual(own);
  body.end();
  await vi.waitFor(async () => {
    expect(await readManifest(bench.blobs, keyOf(session))).toMatchObject({ status: 'stopped' });
    expect((await bench.pods()).map(({ name }) => name)).toEqual([next.status?.sandbox?.podName]);
  }, patience);
  // It is there still, and says what has become of its recording.
  await vi.waitFor(async () => {
    const ended = await bench.store.get(browserSessions, named('s'));
    expect(ended && recordingOf(ended)).toEqual(['False', 'Stopped']);
  }, patience);
});

it('another operator goes on with what runs', async () => {
  const session = await bench.session('s', { capabilities: ['recording'] });
  await bench.phase('s', 'Ready');
  await vi.waitFor(async () => expect(await readManifest(bench.blobs, keyOf(session))).toBeDefined(), patience);
  await bench.operator[Symbol.asyncDispose]();
  body = new PassThrough();
  bench.operator = bench.startOperator();
  body.end();
  await vi.waitFor(async () => {
    expect(await readManifest(bench.blobs, keyOf(session))).toMatchObject({ status: 'stopped', bytes: 5 });
  }, patience);
});

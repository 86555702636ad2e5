import { expect, it } from 'vitest';
import type { RecordingManifest } from '../../api/recording/manifest.ts';
import { decideStored, type StoredDecision, type StoredInput } from './decide.ts';

const nowMs = 1_000_000;
const retentionMs = 60_000;
const manifest = (over: Partial<RecordingManifest> = {}): RecordingManifest => ({
  account: 'a',
  sessionUid: '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11',
  recordingId: '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11',
  status: 'stopped',
  startedAtMs: 0,
  form: 'file',
  bytes: 1,
  isCutShort: false,
  ...over,
});
const running = manifest({ status: 'recording' });

const rows: readonly [string, Partial<StoredInput>, StoredDecision][] = [
  ['that runs is left to whoever is busy with it', { manifest: running, isFollowed: true }, { type: 'keep' }],
  ['that is said to run, with nobody busy, is taken up', { manifest: running }, { type: 'takeUp' }],
  ['of a session that lives is kept for as long as it does', { isSessionLive: true }, { type: 'keep' }],
  [
    'whose session has gone is kept for the retention time from now on',
    {},
    { type: 'setExpiry', expiresAtMs: nowMs + retentionMs },
  ],
  ['is kept until its time is over', { manifest: manifest({ expiresAtMs: nowMs + 1 }) }, { type: 'keep' }],
  ['is deleted then', { manifest: manifest({ expiresAtMs: nowMs }) }, { type: 'delete' }],
];

it.each(rows)('a recording %s', (_what, over, decision) => {
  const input = { manifest: manifest(), isFollowed: false, isSessionLive: false, retentionMs, nowMs, ...over };
  expect(decideStored(input)).toEqual(decision);
});

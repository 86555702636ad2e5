import type { RecordingRef } from './manifest.ts';

/** Keys of recordings in the blob store. The manifests lie apart from the pieces, of which there are many: so listing them costs little. */
export const manifestsPrefix = 'recording-manifests/';

/** Manifests of one session. */
export function sessionManifestsPrefix({ account, sessionUid }: Omit<RecordingRef, 'recordingId'>): string {
  return `${manifestsPrefix}${account}/${sessionUid}/`;
}

export function manifestKey(ref: RecordingRef): string {
  return `${sessionManifestsPrefix(ref)}${ref.recordingId}.json`;
}

/** Undefined for what is no manifest's key. */
export function parseManifestKey(key: string): RecordingRef | undefined {
  const [, account, sessionUid, recordingId] = /^recording-manifests\/([^/]+)\/([^/]+)\/([^/]+)\.json$/.exec(key) ?? [];
  return account && sessionUid && recordingId ? { account, sessionUid, recordingId } : undefined;
}

/** Everything of one recording but its manifest. */
export function recordingPrefix({ account, sessionUid, recordingId }: RecordingRef): string {
  return `recordings/${account}/${sessionUid}/${recordingId}/`;
}

const numberLength = 15;

/**
 * A piece is called by the number of its first byte. So what is stored tells where to go on, and two who store at once (an operator
 * whose time is over, and its successor) do no harm: whatever lies at a byte, it is that byte of the recording.
 */
export function pieceKey(ref: RecordingRef, firstByte: number): string {
  return `${recordingPrefix(ref)}${String(firstByte).padStart(numberLength, '0')}`;
}

/** Number of the first byte; undefined for what is no piece. */
export function firstByteOf(key: string): number | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return /^\d{15}$/.test(name) ? Number(name) : undefined;
}

/** The one MP4 that takes the place of the pieces. */
export function finalKey(ref: RecordingRef): string {
  return `${recordingPrefix(ref)}final.mp4`;
}

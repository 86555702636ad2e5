import type { RecordingManifest } from '../../api/recording/manifest.ts';

/** Everything that the fate of a stored recording depends on, read at one instant. */
export interface StoredInput {
  readonly manifest: RecordingManifest;
  /** Somebody of this operator is busy with it. */
  readonly isFollowed: boolean;
  /** Its session is there and has not ended. */
  readonly isSessionLive: boolean;
  /** For how long its account wants it kept after the session, in milliseconds. */
  readonly retentionMs: number;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

export type StoredDecision =
  /** Nobody is busy with one that is said to run: find out what has become of it. */
  | { readonly type: 'takeUp' }
  /** Its session has gone: from now on its time runs. */
  | { readonly type: 'setExpiry'; readonly expiresAtMs: number }
  | { readonly type: 'delete' }
  | { readonly type: 'keep' };

export function decideStored(input: StoredInput): StoredDecision {
  const { manifest, isFollowed, isSessionLive, retentionMs, nowMs } = input;
  if (isFollowed) return { type: 'keep' };
  if (manifest.status === 'recording') return { type: 'takeUp' };
  if (manifest.expiresAtMs !== undefined) return { type: manifest.expiresAtMs <= nowMs ? 'delete' : 'keep' };
  return isSessionLive ? { type: 'keep' } : { type: 'setExpiry', expiresAtMs: nowMs + retentionMs };
}

import { z } from 'zod';
import { recordingStops } from '../agent/wire.ts';

/** Which recording: what its keys in the blob store are made of. */
export interface RecordingRef {
  readonly account: string;
  readonly sessionUid: string;
  readonly recordingId: string;
}

/** SandboxLost: the sandbox was gone before it could say that the recording had ended. Else as the agent says. */
const recordingEnds = [...recordingStops, 'SandboxLost'] as const;

/**
 * The small object that says what has become of a recording. It is all that outlives its session: who asks for the recording is answered
 * from it. The operator alone writes it. Times are epoch milliseconds. Later versions may add members.
 */
export const recordingManifest = z.object({
  account: z.string(),
  sessionUid: z.uuid(),
  recordingId: z.uuid(),
  status: z.enum(['recording', 'stopped']),
  startedAtMs: z.int().min(0),
  stoppedAtMs: z.int().min(0).optional(),
  /** Why it ended. */
  reason: z.enum(recordingEnds).optional(),
  /** file: one MP4 with its index in front. pieces: what was stored while it ran; one behind the other they are a fragmented MP4. */
  form: z.enum(['pieces', 'file']).default('pieces'),
  /** Of all of it, once it has stopped. */
  bytes: z.int().min(0).default(0),
  /** Its last seconds could not be had. */
  isCutShort: z.boolean().default(false),
  /** When it is deleted; absent: its session lives, or its end has not been noted yet. */
  expiresAtMs: z.int().min(0).optional(),
});
export type RecordingManifest = z.output<typeof recordingManifest>;

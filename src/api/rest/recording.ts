import { z } from 'zod';

/** Bodies of section 3 of the REST contract. */

const exampleId = '8f0d3c1e-52a7-4b57-9a3f-4c2b8a1d6e90';

const recordingId = z.uuid();
const status = z.enum(['recording', 'stopped']);

export const recordingStatus = z
  .strictObject({ recordingId, status })
  .meta({ description: 'What a recording does now.', examples: [{ recordingId: exampleId, status: 'recording' }] });
export type RecordingStatus = z.infer<typeof recordingStatus>;

export const recordingView = z
  .strictObject({
    recordingId,
    status,
    startedAt: z.int().min(0).describe('Epoch milliseconds.'),
    stoppedAt: z.int().min(0).optional().describe('Epoch milliseconds.'),
    bytes: z.int().min(0).describe('What a download gives; while it runs, what is stored so far.'),
    reason: z.string().optional().describe('Why it ended, in one word.'),
    cutShort: z.boolean().optional().describe('`true`: its sandbox was lost, and with it the last seconds.'),
    expiresAt: z
      .int()
      .min(0)
      .optional()
      .describe('Epoch milliseconds at which it is deleted; absent while its session lives.'),
  })
  .meta({
    description: 'One recording.',
    examples: [
      {
        recordingId: exampleId,
        status: 'stopped',
        startedAt: 1_795_305_600_000,
        stoppedAt: 1_795_305_660_000,
        bytes: 4_193_281,
        reason: 'Requested',
      },
    ],
  });
export type RecordingView = z.infer<typeof recordingView>;

export const recordingList = z
  .strictObject({ recordings: z.array(recordingView).describe('Of this session, oldest first.') })
  .meta({ description: 'Recordings of a session.' });
export type RecordingList = z.infer<typeof recordingList>;

/** Query of `GET …/recording`. */
export const recordingQuery = z.strictObject({
  recordingId: z.string().max(64).optional().describe('Which one; default: the newest.'),
});

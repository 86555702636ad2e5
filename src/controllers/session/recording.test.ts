import { expect, it } from 'vitest';
import { session } from '../../../test/support/objects.ts';
import { createNoBlobs } from '../../blobs/no-blobs.ts';
import { recordingFor, recordingTakesMs } from './recording.ts';

const blobs = createNoBlobs('there is no blob store');

it('a recording that could not be kept is refused, in words', async () => {
  const prepare = recordingFor({ blobs }, session({ capabilities: ['recording'] }));
  await expect(prepare?.()).rejects.toMatchObject({
    code: 'capability',
    message: expect.stringMatching(/^recording: .*there is no blob store/) as string,
  });
});

it('whoever wants none needs no blob store, and no more time', () => {
  expect(recordingFor({ blobs }, session())).toBeUndefined();
  expect(recordingTakesMs(session())).toBe(0);
});

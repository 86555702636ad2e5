import { expect, it } from 'vitest';
import type { RecordingManifest } from '../../api/recording/manifest.ts';
import { planDownload } from './download.ts';

const id = '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11';
const manifest: RecordingManifest = {
  ...{ account: 'a', sessionUid: id, recordingId: id, status: 'stopped', startedAtMs: 0 },
  ...{ form: 'file', bytes: 100, isCutShort: false },
};
const etag = `"${id}-100"`;

it.each([
  ['nothing', {}, 200, undefined],
  ['a range', { range: 'bytes=10-19' }, 206, 'bytes 10-19/100'],
  ['a range of this very one', { range: 'bytes=10-19', ifRange: etag }, 206, 'bytes 10-19/100'],
  ['a range of another one', { range: 'bytes=10-19', ifRange: '"x"' }, 200, undefined],
  ['only another one', { ifNoneMatch: etag }, 304, undefined],
  ['only another one, weakly', { ifNoneMatch: `"x", W/${etag}` }, 304, undefined],
  ['what it has not', { ifNoneMatch: '"x"' }, 200, undefined],
])('who asks for %s', (_what, asked, status, contentRange) => {
  const { headers, range, ...answer } = planDownload(manifest, asked);
  expect(answer.status).toBe(status);
  expect(headers['content-range' as keyof typeof headers]).toBe(contentRange);
  expect(headers).toMatchObject({ etag });
  expect(range === undefined).toBe(status === 304);
});

it('says how long it is to who asks for what is not there', () => {
  expect(() => planDownload(manifest, { range: 'bytes=100-' })).toThrow(
    expect.objectContaining({
      code: 'range_not_satisfiable',
      headers: expect.objectContaining({ 'content-range': 'bytes */100' }) as object,
    }) as Error,
  );
});

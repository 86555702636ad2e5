import { Problem } from '../../api/rest/problem.ts';
import type { RecordingManifest } from '../../api/recording/manifest.ts';
import { parseRange, type ByteRange } from '../../core/recording/ranges.ts';

/** What of a request for a recording decides what is sent: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2 */
export interface Asked {
  readonly range?: string | undefined;
  readonly ifRange?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export interface Download {
  readonly status: 200 | 206 | 304;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: no body. */
  readonly range?: ByteRange;
}

/** One that has stopped never changes. */
function etagOf({ recordingId, bytes }: RecordingManifest): string {
  return `"${recordingId}-${bytes}"`;
}

function matches(header: string, etag: string): boolean {
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

/** Throws range_not_satisfiable. */
export function planDownload(manifest: RecordingManifest, asked: Asked): Download {
  const { bytes, recordingId } = manifest;
  const etag = etagOf(manifest);
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    // Its own caller's and nobody else's; the ETag says whether it is still there.
    'cache-control': 'private, no-cache',
  };
  if (asked.ifNoneMatch !== undefined && matches(asked.ifNoneMatch, etag)) return { status: 304, headers };
  const body = { 'content-type': 'video/mp4', 'content-disposition': `inline; filename="${recordingId}.mp4"` };
  // Of what has changed meanwhile all is sent.
  const isSame = asked.ifRange === undefined || asked.ifRange.trim() === etag;
  const answer = isSame ? parseRange(asked.range, bytes) : { kind: 'whole' as const };
  switch (answer.kind) {
    case 'whole':
      return { status: 200, headers: { ...headers, ...body }, range: { start: 0, end: bytes - 1 } };
    case 'unsatisfiable':
      throw new Problem('range_not_satisfiable', `The recording has ${bytes} bytes.`, {
        headers: { 'content-range': `bytes */${bytes}`, 'accept-ranges': 'bytes' },
      });
    case 'part': {
      const { start, end } = answer.range;
      const part = { 'content-range': `bytes ${start}-${end}/${bytes}` };
      return { status: 206, headers: { ...headers, ...body, ...part }, range: answer.range };
    }
  }
}

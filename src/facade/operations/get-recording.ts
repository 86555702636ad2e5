import type { RecordingManifest } from '../../api/recording/manifest.ts';
import { Problem } from '../../api/rest/problem.ts';
import { recordingQuery } from '../../api/rest/recording.ts';
import type { Operation } from '../http/exchange.ts';
import { validate } from '../http/validate.ts';
import { planDownload } from '../recording/download.ts';
import { notFound, type FindRecordings } from '../recording/find.ts';
import type { StoredRecordings } from '../recording/stored.ts';

export interface GetRecordingOptions {
  readonly find: FindRecordings;
  readonly stored: StoredRecordings;
}

function choose(all: readonly RecordingManifest[], recordingId: string | undefined): RecordingManifest {
  const chosen = recordingId === undefined ? all.at(-1) : all.find((each) => each.recordingId === recordingId);
  if (!chosen) throw notFound();
  if (chosen.status === 'recording')
    throw new Problem('recording_running', 'It is still being recorded; stop it first, or name an earlier one.');
  // Its sandbox was lost before anything could be fetched.
  if (chosen.bytes === 0) throw notFound();
  return chosen;
}

/** Not activity, and possible when the session has gone. */
export function getRecording({ find, stored }: GetRecordingOptions): Operation {
  return async ({ id, account, query, header }) => {
    const { recordingId } = validate(recordingQuery, { ...query }, 'query');
    const manifest = choose(await find(id, account), recordingId);
    const { status, headers, range } = planDownload(manifest, {
      range: header('range'),
      ifRange: header('if-range'),
      ifNoneMatch: header('if-none-match'),
    });
    const stream = range && { length: range.end - range.start + 1, open: () => stored.open(manifest, range) };
    return { status, headers, sessionId: id, ...(stream && { stream }) };
  };
}

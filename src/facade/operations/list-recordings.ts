import type { RecordingManifest } from '../../api/recording/manifest.ts';
import type { RecordingList, RecordingView } from '../../api/rest/recording.ts';
import type { Operation } from '../http/exchange.ts';
import type { SessionLookup } from '../session/lookup.ts';
import type { FindRecordings } from '../recording/find.ts';
import type { StoredRecordings } from '../recording/stored.ts';

export interface ListRecordingsOptions {
  readonly lookup: SessionLookup;
  readonly find: FindRecordings;
  readonly stored: StoredRecordings;
}

function toView(manifest: RecordingManifest, bytes: number): RecordingView {
  const { recordingId, status, startedAtMs, stoppedAtMs, reason, isCutShort, expiresAtMs } = manifest;
  return {
    recordingId,
    status,
    startedAt: startedAtMs,
    ...(stoppedAtMs !== undefined && { stoppedAt: stoppedAtMs }),
    bytes,
    ...(reason && { reason }),
    ...(isCutShort && { cutShort: true }),
    ...(expiresAtMs !== undefined && { expiresAt: expiresAtMs }),
  };
}

/** A live session without any has an empty list; of one that is gone and has none there is nothing to be known. */
export function listRecordings({ lookup, find, stored }: ListRecordingsOptions): Operation {
  return async ({ id, account }) => {
    const all = await find(id, account);
    if (all.length === 0) await lookup.find(id, account);
    const recordings = await Promise.all(
      all.map(async (each) => toView(each, each.status === 'recording' ? await stored.storedBytes(each) : each.bytes)),
    );
    return { status: 200, sessionId: id, body: { recordings } satisfies RecordingList };
  };
}

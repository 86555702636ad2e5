import type { RecordingManifest } from '../../api/recording/manifest.ts';
import { Problem } from '../../api/rest/problem.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import { recordingsOf } from '../../core/recording/wanted.ts';
import type { Informer } from '../../kube/controller/port.ts';
import { statusOf } from '../session/view.ts';
import type { StoredRecordings } from './stored.ts';

export interface FindRecordingsOptions {
  readonly stored: StoredRecordings;
  readonly sessions: Pick<Informer<BrowserSession>, 'byUid'>;
}

/** All recordings of a session of this account, oldest first, whether the session is still there or not. */
export type FindRecordings = (sessionUid: string, account: BrowserAccount) => Promise<readonly RecordingManifest[]>;

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function createFindRecordings({ stored, sessions }: FindRecordingsOptions): FindRecordings {
  return async (sessionUid, { metadata: { name: account } }) => {
    if (!uuidForm.test(sessionUid)) throw notFound();
    const known = await stored.list(account, sessionUid).catch((cause: unknown) => {
      if (!(cause instanceof BlobError)) throw cause;
      throw new Problem('blobs_unavailable', 'The store of recordings does not answer; try again.', { cause });
    });
    const session = sessions.byUid(sessionUid);
    const isOwn = session?.spec.accountRef.name === account && statusOf(session) === 'ready';
    const ids = new Set(known.map(({ recordingId }) => recordingId));
    // Begun a moment ago: nothing of it is stored yet.
    const begun = (isOwn ? recordingsOf(session) : []).filter((id) => !ids.has(id));
    return [...known, ...begun.map((recordingId) => running({ account, sessionUid, recordingId }, session))];
  };
}

function running(
  ref: Pick<RecordingManifest, 'account' | 'sessionUid' | 'recordingId'>,
  session: BrowserSession | undefined,
): RecordingManifest {
  const startedAtMs = Date.parse(session?.status?.readyAt ?? '') || 0;
  return { ...ref, status: 'recording', startedAtMs, form: 'pieces', bytes: 0, isCutShort: false };
}

export function notFound(): Problem {
  return new Problem('not_found', 'There is no such recording of this account.');
}

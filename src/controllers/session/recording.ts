import { manifestKey } from '../../api/recording/keys.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { isRecorded } from '../../core/recording/wanted.ts';
import { SandboxError } from '../../sandbox/port.ts';

/** ffmpeg begins to write 0.2 s after it is started; machines that are busy take longer. */
const startTakesMs = 5_000;

/** What a bind may take longer for the sake of the recording. */
export function recordingTakesMs(session: BrowserSession): number {
  return isRecorded(session) ? startTakesMs : 0;
}

/** Sees whether there is where to keep it: a recording that would be lost is refused. Undefined: there is to be none. */
export function recordingFor(
  { blobs }: { readonly blobs: BlobStore },
  session: BrowserSession,
): (() => Promise<object>) | undefined {
  if (!isRecorded(session)) return undefined;
  const { uid } = session.metadata;
  const key = manifestKey({ account: session.spec.accountRef.name, sessionUid: uid, recordingId: uid });
  return async () => {
    try {
      await blobs.head(key);
      return {};
    } catch (cause) {
      if (!(cause instanceof BlobError)) throw cause;
      throw new SandboxError('capability', `recording: it could not be kept: ${cause.message}`, { cause });
    }
  };
}

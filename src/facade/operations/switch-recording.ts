import { randomUUID } from 'node:crypto';
import { Problem } from '../../api/rest/problem.ts';
import type { RecordingStatus } from '../../api/rest/recording.ts';
import { emptyRequest } from '../../api/rest/session.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { annotations } from '../../api/v1alpha1/group.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import type { Informer } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import { SandboxError, type AgentClient, type SandboxRef } from '../../sandbox/port.ts';
import type { Call, Operation } from '../http/exchange.ts';
import { validate } from '../http/validate.ts';
import type { SessionLookup } from '../session/lookup.ts';
import { withDeadline } from '../session/patience.ts';
import { refOf } from '../session/sandbox.ts';
import { statusOf } from '../session/view.ts';
import type { StoredRecordings } from '../recording/stored.ts';

export interface SwitchRecordingOptions {
  readonly lookup: SessionLookup;
  readonly stored: StoredRecordings;
  readonly agents: AgentClient;
  readonly pods: Pick<Informer<Pod>, 'byUid'>;
  readonly store: Store;
  readonly clock: Clock;
}

const startDeadlineMs = 15_000;
/** A recording of the largest size is rewritten and copied within. */
const stopDeadlineMs = 60_000;

interface Subject {
  readonly session: BrowserSession;
  readonly sandbox: SandboxRef;
}

async function subjectOf({ lookup, pods }: SwitchRecordingOptions, { id, account, body }: Call): Promise<Subject> {
  const session = await lookup.find(id, account);
  validate(emptyRequest, body === undefined ? {} : body);
  const sandbox = statusOf(session) === 'ready' ? refOf(session, pods) : undefined;
  if (!sandbox) throw new Problem('sandbox_failed', 'The browser of this session is not ready.');
  return { session, sandbox };
}

function toProblem(error: unknown): unknown {
  if (error instanceof BlobError)
    return new Problem('blobs_unavailable', 'Recordings cannot be kept at the moment; try again.', { cause: error });
  if (!(error instanceof SandboxError)) return error;
  const { code, message } = error;
  switch (code) {
    case 'recording_runs':
      return new Problem('recording_running', 'A recording runs already; stop it first.', { cause: error });
    case 'no_recording':
      return new Problem('not_found', 'No recording of this session runs.', { cause: error });
    case 'capability':
      return new Problem('sandbox_failed', message, { cause: error });
    case 'spent':
    case 'unreachable':
    case 'not_ready':
      return new Problem('sandbox_failed', 'The browser does not answer; the session is probably about to end.', {
        cause: error,
      });
  }
}

/**
 * The sandbox first: it alone knows whether one runs. Then the blob store, where it is found should this process die now; then the
 * session, by which the operator, who fetches it, hears of it.
 */
export function startRecording(options: SwitchRecordingOptions): Operation {
  const { agents, stored, store, clock } = options;
  return async (call) => {
    const { session, sandbox } = await subjectOf(options, call);
    const recordingId = randomUUID();
    const { uid } = session.metadata;
    const account = session.spec.accountRef.name;
    try {
      // What could not be kept is not begun.
      await stored.list(account, uid);
      const start = (signal: AbortSignal) => agents.startRecording(sandbox, recordingId, signal);
      const { startedAtMs } = await withDeadline(clock, startDeadlineMs, start);
      await stored.note({ account, sessionUid: uid, recordingId }, startedAtMs);
    } catch (error) {
      throw toProblem(error);
    }
    const patch = { metadata: { annotations: { [annotations.recording]: recordingId } } };
    await store.patch(browserSessions, session.metadata, patch, { uid });
    return { status: 200, sessionId: uid, body: { recordingId, status: 'recording' } satisfies RecordingStatus };
  };
}

/** Answers once the whole of it is stored: it can be downloaded, whatever becomes of the sandbox. */
export function stopRecording(options: SwitchRecordingOptions): Operation {
  const { agents, clock } = options;
  return async (call) => {
    const { session, sandbox } = await subjectOf(options, call);
    const stop = async (signal: AbortSignal): Promise<string> => {
      const { recordingId } = await agents.stopRecording(sandbox, 'Requested', signal);
      await agents.whenRecordingIsKept(sandbox, recordingId, signal);
      return recordingId;
    };
    try {
      const recordingId = await withDeadline(clock, stopDeadlineMs, stop);
      const sessionId = session.metadata.uid;
      return { status: 200, sessionId, body: { recordingId, status: 'stopped' } satisfies RecordingStatus };
    } catch (error) {
      throw toProblem(error);
    }
  };
}

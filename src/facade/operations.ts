import type { OperationName } from '../api/rest/paths.ts';
import type { Operation } from './http/exchange.ts';
import { createWithKeyOf } from './idempotency/create-with-key.ts';
import { createRequestRecords, type RequestRecords } from './idempotency/records.ts';
import type { FacadeMetrics } from './metrics.ts';
import { createSession } from './operations/create-session.ts';
import { deleteSession } from './operations/delete-session.ts';
import { getLiveView } from './operations/get-live-view.ts';
import { getSession } from './operations/get-session.ts';
import { keepSessionAlive } from './operations/keep-session-alive.ts';
import { getRecording } from './operations/get-recording.ts';
import { listRecordings } from './operations/list-recordings.ts';
import { listSessions } from './operations/list-sessions.ts';
import { startRecording, stopRecording } from './operations/switch-recording.ts';
import { createFindRecordings } from './recording/find.ts';
import { createStoredRecordings } from './recording/stored.ts';
import { deleteExtension, getExtension, listExtensions } from './operations/extensions.ts';
import { uploadExtension } from './operations/upload-extension.ts';
import { createExtensionShelf } from './extension/shelf.ts';
import { createTurnstile } from './http/turnstile.ts';
import type { FacadeOptions } from './options.ts';
import { untilReachable } from './session/address.ts';
import { createAttempt } from './session/attempt.ts';
import { createConfirmations } from './session/confirmations.ts';
import { createOnceOf } from './session/create-once.ts';
import { createLookup } from './session/lookup.ts';
import { createRemoval } from './session/removal.ts';
import { createSandboxes } from './session/sandbox.ts';
import { createSecondLook } from './session/second-look.ts';
import { createPresenter } from './session/view.ts';
import { createSessionWatch } from './session/watch.ts';

export interface OperationsOptions extends Omit<FacadeOptions, 'host' | 'port' | 'accounts' | 'refusePeer'> {
  readonly metrics: FacadeMetrics;
  readonly shutdown: AbortSignal;
  /** Takes what must be released at the end. */
  readonly stack: AsyncDisposableStack;
}

export interface Operations {
  readonly operations: Readonly<Record<OperationName, Operation>>;
  readonly records: RequestRecords;
}

/** Each may hold twice its 50 MiB in memory while it is looked at. */
const uploadsAtOnce = 2;

/** Gives each operation what it needs, and no more. */
export function createOperations(options: OperationsOptions): Operations {
  const { store, namespace, clock, createDeadlineMs, metrics, shutdown, stack } = options;
  const watch = stack.use(createSessionWatch(options.sessions));
  const secondLook = stack.use(createSecondLook(options));
  const lookup = createLookup({ sessions: options.sessions, secondLook });
  const presenter = createPresenter(options);
  const sandboxes = createSandboxes(options);
  const shelf = createExtensionShelf(options);
  const stored = createStoredRecordings(options);
  const find = createFindRecordings({ stored, sessions: options.sessions });
  const recorder = { ...options, lookup, stored };
  const remove = createRemoval({ store, watch, clock });
  const records = createRequestRecords({ store, namespace, clock });
  const attempt = untilReachable(createAttempt({ store, namespace, watch, createDeadlineMs }), options);
  const confirmations = stack.use(createConfirmations(options));
  const createOnce = createOnceOf({ attempt, remove, clock, confirmations });
  const createWithKey = createWithKeyOf({ attempt, remove, clock, records, confirmations });
  return {
    records,
    operations: {
      createSession: createSession({
        providers: options.providers,
        shelf,
        createOnce,
        createWithKey,
        presenter,
        metrics,
        clock,
        createDeadlineMs,
        shutdown,
      }),
      uploadExtension: uploadExtension({ shelf, records, turnstile: createTurnstile(uploadsAtOnce) }),
      listExtensions: listExtensions(shelf),
      getExtension: getExtension(shelf),
      deleteExtension: deleteExtension(shelf),
      startRecording: startRecording(recorder),
      stopRecording: stopRecording(recorder),
      getRecording: getRecording({ find, stored }),
      listRecordings: listRecordings({ lookup, find, stored }),
      listSessions: listSessions({ lookup, sandboxes, presenter }),
      getSession: getSession({ lookup, sandboxes, presenter }),
      deleteSession: deleteSession({ lookup, remove }),
      getLiveView: getLiveView({ lookup, presenter }),
      keepSessionAlive: keepSessionAlive({ lookup, sandboxes, presenter }),
    },
  };
}

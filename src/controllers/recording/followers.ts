import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { RecordingManifest, RecordingRef } from '../../api/recording/manifest.ts';
import type { RecordingState } from '../../core/recording/condition.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import type { SandboxRef } from '../../sandbox/port.ts';
import { followRecording, type FollowDeps, type FollowTarget } from './follow.ts';

interface Following {
  readonly ref: RecordingRef;
  readonly sandbox: SandboxRef | undefined;
  /** The session's; absent: it was gone before. */
  readonly key: ObjectKey | undefined;
  state: RecordingState;
  readonly done: Promise<void>;
}

export interface FollowersOptions extends FollowDeps {
  /** One has ended and is stored, as far as it could be had. */
  readonly onStored: (manifest: RecordingManifest) => void;
  /** What is to be said of the session's recording has changed. */
  readonly onState: (session: ObjectKey) => void;
}

/** Who is busy with which recording. */
export class Followers implements AsyncDisposable {
  readonly #options: FollowersOptions;
  readonly #byId = new Map<string, Following>();
  readonly #stop = new AbortController();

  constructor(options: FollowersOptions) {
    this.#options = options;
  }

  knows(recordingId: string): boolean {
    return this.#byId.has(recordingId);
  }

  isBusyWith(recordingId: string): boolean {
    return this.#byId.get(recordingId)?.state === 'running';
  }

  /** Sandboxes of the session that are still being read from. */
  sourcesOf(sessionUid: string): readonly SandboxRef[] {
    const open = this.#ofSession(sessionUid).filter(({ state }) => state === 'running');
    return open.flatMap(({ sandbox }) => (sandbox ? [sandbox] : []));
  }

  /** Of the session's newest recording; undefined: it has none. */
  stateOf(sessionUid: string): RecordingState | undefined {
    const all = this.#ofSession(sessionUid);
    return all.find(({ state }) => state === 'running')?.state ?? all.at(-1)?.state;
  }

  follow(target: FollowTarget, session?: BrowserSession): void {
    const { ref, sandbox } = target;
    const { onStored, onState, logger } = this.#options;
    const key = session && { namespace: session.metadata.namespace, name: session.metadata.name };
    const run = async (): Promise<void> => {
      try {
        const manifest = await followRecording(this.#options, target, this.#stop.signal);
        following.state = manifest.isCutShort ? 'cutShort' : 'stopped';
        onStored(manifest);
      } catch (err) {
        if (this.#stop.signal.aborted) return;
        // The sweep takes it up again.
        logger.error({ err, ...ref }, 'a recording is not followed any more');
        this.#byId.delete(ref.recordingId);
      }
      if (key) onState(key);
    };
    const started = Promise.resolve().then(run);
    const following: Following = { ref, sandbox, key, state: 'running', done: started };
    this.#byId.set(ref.recordingId, following);
    if (key) onState(key);
  }

  /** The session is gone: what is done of its recordings need not be remembered. */
  forget(sessionUid: string): void {
    for (const { ref, state } of this.#ofSession(sessionUid)) {
      if (state !== 'running') this.#byId.delete(ref.recordingId);
    }
  }

  #ofSession(sessionUid: string): readonly Following[] {
    return [...this.#byId.values()].filter(({ ref }) => ref.sessionUid === sessionUid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#byId.values().map(({ done }) => done));
  }
}

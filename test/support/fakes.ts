import { buffer } from 'node:stream/consumers';
import type { AgentStatus } from '../../src/api/agent/wire.ts';
import { pods } from '../../src/kube/builtins.ts';
import { createInformer } from '../../src/kube/controller/informer.ts';
import type { Store } from '../../src/kube/store.ts';
import { isStoreError } from '../../src/kube/store-error.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/logger.ts';
import { SandboxError, type AgentClient, type BindWish, type SandboxRef } from '../../src/sandbox/port.ts';
import type { RecordingCalls } from '../../src/sandbox/recording-calls.ts';
import { agentStatus } from './objects.ts';

export const silentLogger = createLogger({ name: 'test', level: 'silent' });

/** A node that answers for Pods without running anything: Ready after `bootMs`, gone as soon as asked. */
export function startFakeNode(store: Store, options: { readonly bootMs?: number; readonly signal: AbortSignal }): void {
  const informer = createInformer(store, pods, { clock: systemClock, logger: silentLogger, signal: options.signal });
  const ignoreGone = (error: unknown): void => {
    if (!isStoreError(error, 'NotFound', 'Conflict', 'Unavailable')) throw error;
  };
  let next = 1;
  informer.onChange(({ type, object: pod }) => {
    if (type === 'deleted') return;
    if (pod.metadata.deletionTimestamp) {
      void store.delete(pods, pod.metadata, { uid: pod.metadata.uid, gracePeriodSeconds: 0 }).catch(ignoreGone);
      return;
    }
    if (type !== 'added' || pod.status?.podIP) return;
    const podIP = `127.77.9.${next++ % 250}`;
    const boot = async (): Promise<void> => {
      await store.patch(pods, pod.metadata, { spec: { nodeName: 'fake' } });
      await store.patchStatus(pods, pod.metadata, { phase: 'Running', podIP });
      await new Promise((resolve) => setTimeout(resolve, options.bootMs ?? 0));
      await store.patchStatus(pods, pod.metadata, { conditions: [{ type: 'Ready', status: 'True' }] });
    };
    boot().catch(ignoreGone);
  });
}

export interface FakeAgents extends AgentClient {
  /** Session uid by pod uid: who was ever given which sandbox. */
  readonly bound: ReadonlyMap<string, string>;
  /** The bytes of extensions that were brought to any sandbox, by hash. */
  readonly brought: Map<string, Buffer>;
  /** What each session's sandbox was bound with, by session uid. */
  readonly wishes: Map<string, BindWish>;
  /** What the next binds of any pod answer, instead of success. */
  readonly failures: SandboxError[];
  /** Milliseconds for which every session has been idle. */
  idleForMs: number;
  /** Sessions that somebody has used. */
  readonly used: Set<string>;
  /** What the sandboxes that are bound from now on say of themselves. */
  self: Partial<AgentStatus>;
  /** Happens while a bind is on its way, before it answers. */
  meanwhile: (sandbox: SandboxRef) => Promise<void>;
}

const absent = (): Promise<never> => Promise.reject(new SandboxError('no_recording', 'there is none'));

/** Of sandboxes in which nothing is ever recorded. */
export const noRecordings: RecordingCalls = {
  startRecording: absent,
  stopRecording: absent,
  recordings: () => Promise.resolve([]),
  followRecording: absent,
  finalRecording: absent,
  recordingIsKept: () => Promise.resolve(),
  whenRecordingIsKept: absent,
};

/** Agents that keep the one promise that matters: a sandbox serves one session, ever. */
export function createFakeAgents(): FakeAgents {
  const bound = new Map<string, string>();
  const activity = { attachedClients: 0, idleForMs: 0 };
  const failures: SandboxError[] = [];
  return {
    bound,
    failures,
    idleForMs: 0,
    used: new Set(),
    self: {},
    meanwhile: () => Promise.resolve(),
    async bind(sandbox: SandboxRef, wish: BindWish, signal: AbortSignal) {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      const failure = failures.shift();
      if (failure) throw failure;
      const owner = bound.get(sandbox.podUid) ?? sandbox.sessionUid;
      if (owner !== sandbox.sessionUid) throw new SandboxError('spent', 'it serves another session');
      bound.set(sandbox.podUid, owner);
      this.wishes.set(sandbox.sessionUid, wish);
      await this.meanwhile(sandbox);
      return { ...agentStatus, ...this.self, sessionUid: sandbox.sessionUid };
    },
    brought: new Map(),
    wishes: new Map(),
    async bringExtension({ podUid, sessionUid }, extension, signal) {
      signal.throwIfAborted();
      const owner = bound.get(podUid) ?? sessionUid;
      if (owner !== sessionUid) throw new SandboxError('spent', 'it serves another session');
      this.brought.set(extension.sha256, await buffer((await extension.open()).body));
    },
    greet: () => Promise.resolve(),
    status(sandbox) {
      return Promise.resolve({ ...agentStatus, ...this.self, sessionUid: sandbox.sessionUid });
    },
    touch(sandbox) {
      this.used.add(sandbox.sessionUid);
      return Promise.resolve(activity);
    },
    endIfIdle(_sandbox, idleForMs) {
      return Promise.resolve({ attachedClients: 0, idleForMs: this.idleForMs, ended: this.idleForMs >= idleForMs });
    },
    endIfUnused(sandbox) {
      return Promise.resolve({ ended: !this.used.has(sandbox.sessionUid) });
    },
    pages: () => Promise.resolve([]),
    ...noRecordings,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

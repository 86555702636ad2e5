import type { SessionAction } from '../../core/session/action.ts';
import { endEvent, type SessionEvent } from '../../core/session/events.ts';
import type { SessionInput } from '../../core/session/input.ts';
import { endedStatus } from '../../core/session/status.ts';
import { pods } from '../../kube/builtins.ts';
import type { EventRecorder } from '../../kube/controller/port.ts';
import type { World } from '../world.ts';
import { writeStatus, type WriteDeps } from './write-status.ts';

export interface EndDeps extends WriteDeps {
  readonly world: World;
  readonly events?: EventRecorder;
  readonly mayGrant: () => boolean;
  readonly tell: (input: SessionInput, event: SessionEvent | undefined) => void;
  /** The session needs no sandbox any more: whatever it had is to be deleted. */
  readonly onDeparture: (sessionUid: string) => void;
}

/** Writes why it ended and frees its slot. True: the caller should look again at once. */
export async function endSession(
  deps: EndDeps,
  input: SessionInput,
  action: SessionAction & { readonly type: 'end' },
): Promise<boolean> {
  const { session, nowMs } = input;
  if (action.reason === 'SandboxLost' && !input.sandbox) {
    if (await findSandbox(deps, input)) return true;
    if (!deps.mayGrant()) return false;
  }
  const status = endedStatus(session, nowMs, {
    ...action,
    admittedAtMs: input.admittedAtMs,
    traffic: input.traffic,
  });
  const result = await writeStatus(deps, session, status);
  if (result === 'stale') return false;
  deps.world.ledger.release(session.metadata.uid);
  deps.onDeparture(session.metadata.uid);
  if (result === 'written') deps.tell(input, endEvent(session, action.reason, action.message));
  return false;
}

/**
 * The watches of pods and of sessions do not keep step: a status may name a pod that no watch has shown yet. Before a session is
 * ended for the want of it, the store is asked.
 */
async function findSandbox({ store, world }: EndDeps, { session }: SessionInput): Promise<boolean> {
  const { metadata, status } = session;
  if (!status?.sandbox) return false;
  const { podName, podUID } = status.sandbox;
  const pod = await store.get(pods, { namespace: metadata.namespace, name: podName });
  if (pod?.metadata.uid !== podUID || pod.metadata.deletionTimestamp) return false;
  world.book.observe(pod);
  world.book.assign(podUID, metadata.uid);
  return world.book.ofSession(metadata.uid) !== undefined;
}

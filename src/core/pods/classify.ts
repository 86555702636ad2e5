import { containers } from '../../api/agent/contract.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import { parseTime } from '../../lib/time.ts';
import { isDisrupted } from './loss.ts';
import { findTrouble } from './trouble.ts';

/**
 * Where a sandbox pod stands. starting: no usable browser yet. unschedulable: no node has room. warm: usable, nobody's.
 * claimed: belongs to a session. failed: its browser is dead, will never start, or is about to be taken away. ending: being deleted.
 */
export type SandboxState = 'starting' | 'unschedulable' | 'warm' | 'claimed' | 'failed' | 'ending';

export function classifySandbox(pod: Pod): SandboxState {
  if (pod.metadata.deletionTimestamp) return 'ending';
  if (hasFailed(pod)) return 'failed';
  if (pod.metadata.labels?.[labels.sessionUid]) return 'claimed';
  if (isDisrupted(pod)) return 'failed';
  if (isUnschedulable(pod)) return 'unschedulable';
  return isReady(pod) ? 'warm' : 'starting';
}

/** A sandbox is used once: a browser container that terminated, however well, is the end of it; so is one that can never start. */
export function hasFailed(pod: Pod): boolean {
  const phase = pod.status?.phase;
  if (phase === 'Failed' || phase === 'Succeeded') return true;
  const hasEnded = (pod.status?.containerStatuses ?? []).some(
    (c) => c.name === containers.agent && c.state?.terminated !== undefined,
  );
  return hasEnded || (findTrouble(pod)?.isFinal ?? false);
}

export function isUnschedulable(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(
    (c) => c.type === 'PodScheduled' && c.status === 'False' && c.reason === 'Unschedulable',
  );
}

/** Since when a node has had it to start, epoch milliseconds; else since it was made. */
export function startingSinceMs(pod: Pod): number | undefined {
  const scheduled = (pod.status?.conditions ?? []).find((c) => c.type === 'PodScheduled' && c.status === 'True');
  return parseTime(scheduled?.lastTransitionTime) ?? parseTime(pod.metadata.creationTimestamp);
}

export function isReady(pod: Pod): boolean {
  return readinessOf(pod)?.status === 'True';
}

/** Since when the cluster says that it is not Ready, epoch milliseconds; undefined: it does not say so. */
export function unreadySinceMs(pod: Pod): number | undefined {
  const readiness = readinessOf(pod);
  return readiness?.status === 'False' ? (parseTime(readiness.lastTransitionTime) ?? 0) : undefined;
}

function readinessOf({ status }: Pod) {
  return (status?.conditions ?? []).find(({ type }) => type === 'Ready');
}

import type { ContainerStateTerminated } from 'kubernetes-types/core/v1.js';
import { agentExitCodes, containers } from '../../api/agent/contract.ts';
import type { EndReason } from '../../api/v1alpha1/browser-session.ts';
import type { Pod } from '../../lib/kubernetes.ts';

type LossReason = Extract<EndReason, 'NodeLost' | 'Evicted' | 'OutOfMemory' | 'LifetimeExceeded'>;

/** Reasons of the condition DisruptionTarget: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions */
const disruptions: Readonly<Record<string, LossReason>> = {
  DeletionByTaintManager: 'NodeLost',
  DeletionByPodGC: 'NodeLost',
  PreemptionByScheduler: 'Evicted',
  EvictionByEvictionAPI: 'Evicted',
  TerminationByKubelet: 'Evicted',
};

/** Why a sandbox that served a session does not any more, where its pod tells; undefined: it does not tell. */
export function findLoss(pod: Pod): LossReason | undefined {
  const { reason } = pod.status ?? {};
  if (reason === 'Evicted') return 'Evicted';
  // Its node ended it by activeDeadlineSeconds, while no operator was there to.
  if (reason === 'DeadlineExceeded') return 'LifetimeExceeded';
  if (reason === 'NodeLost') return 'NodeLost';
  if (endOf(pod)?.reason === 'OOMKilled') return 'OutOfMemory';
  return disruptionOf(pod);
}

/** An agent that was asked to end, or was killed: by its node, for all that is known. Of its own accord it ends otherwise. */
const toldToEnd: ReadonlySet<number> = new Set([agentExitCodes.told, 137]);

/**
 * Its browser's container has ended, and the node may have had its reasons: a kubelet tells of the end of a container at once, and of the
 * Pod that it evicts only when all of its containers have ended. Decision 27.
 */
export function isUnexplained(pod: Pod): boolean {
  const ended = endOf(pod);
  const isOver = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
  return !isOver && ended !== undefined && toldToEnd.has(ended.exitCode);
}

/** The node controller writes no reason when it takes back what a node that does not answer has said; a kubelet always does. */
export function isNodeSilent({ status }: Pod): boolean {
  const readiness = (status?.conditions ?? []).find(({ type }) => type === 'Ready');
  return readiness?.status === 'False' && !readiness.reason;
}

function endOf({ status }: Pod): ContainerStateTerminated | undefined {
  return (status?.containerStatuses ?? []).find(({ name }) => name === containers.agent)?.state?.terminated;
}

/** It is about to go, by no fault of its own: nobody gets it any more. */
export function isDisrupted(pod: Pod): boolean {
  return disruptionOf(pod) !== undefined;
}

/** As above, and its node had no complaint about it. */
export function isDisplaced(pod: Pod): boolean {
  return isDisrupted(pod) && conditionOf(pod)?.reason !== 'TerminationByKubelet';
}

function disruptionOf(pod: Pod): LossReason | undefined {
  const condition = conditionOf(pod);
  return condition?.status === 'True' ? (disruptions[condition.reason ?? ''] ?? 'Evicted') : undefined;
}

function conditionOf({ status }: Pod) {
  return (status?.conditions ?? []).find(({ type }) => type === 'DisruptionTarget');
}

import { containers } from '../../api/agent/contract.ts';
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
  const { reason, containerStatuses = [] } = pod.status ?? {};
  if (reason === 'Evicted') return 'Evicted';
  // Its node ended it by activeDeadlineSeconds, while no operator was there to.
  if (reason === 'DeadlineExceeded') return 'LifetimeExceeded';
  if (reason === 'NodeLost') return 'NodeLost';
  const ended = containerStatuses.find(({ name }) => name === containers.agent)?.state?.terminated;
  if (ended?.reason === 'OOMKilled') return 'OutOfMemory';
  return disruptionOf(pod);
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

import { containers } from '../../api/agent/contract.ts';
import type { Pod } from '../../lib/kubernetes.ts';

/**
 * What the operator looks at in a sandbox pod, without the rest: most of a pod is what it was made of, which is never read again,
 * and there are as many as there are sessions.
 */
export function keptOfPod({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { nodeName, activeDeadlineSeconds } = spec;
  return {
    apiVersion,
    kind,
    metadata,
    spec: {
      containers: [],
      ...(nodeName !== undefined && { nodeName }),
      ...(activeDeadlineSeconds !== undefined && { activeDeadlineSeconds }),
    },
    ...(status && { status: keptOfStatus(status) }),
  };
}

type Status = NonNullable<Pod['status']>;

const keptConditions: ReadonlySet<string> = new Set([
  'Ready',
  'PodScheduled',
  'DisruptionTarget',
  'PodReadyToStartContainers',
]);

function keptOfStatus(status: Status): Status {
  const { phase, reason, message, podIP, conditions = [], containerStatuses = [], initContainerStatuses = [] } = status;
  const isRunning = containerStatuses.some(({ name, state }) => name === containers.agent && state?.running);
  return {
    ...(phase !== undefined && { phase }),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
    ...(podIP !== undefined && { podIP }),
    conditions: conditions.filter(
      (c) => keptConditions.has(c.type) && !(c.type === 'PodReadyToStartContainers' && c.status === 'True'),
    ),
    // Of containers only what keeps them from running, and of the proxy's nothing once the browser runs.
    containerStatuses: containerStatuses.filter(({ state }) => state?.terminated ?? state?.waiting),
    ...(!isRunning && { initContainerStatuses: initContainerStatuses.filter(({ state }) => state?.waiting) }),
  };
}

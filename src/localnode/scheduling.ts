import type { Capacity, Resources } from './resources.ts';

/** A Pod that waits for a node. */
export interface WaitingPod {
  readonly uid: string;
  readonly requests: Resources;
  readonly nodeSelector: Readonly<Record<string, string>>;
}

export interface NodeState {
  readonly capacity: Capacity;
  readonly labels: Readonly<Record<string, string>>;
  /** What the Pods already on the node request, and how many there are. */
  readonly used: Capacity;
}

export type Verdict =
  | { readonly uid: string; readonly kind: 'assign' }
  | { readonly uid: string; readonly kind: 'unschedulable'; readonly message: string };

/** What a node lacks for a Pod, in the words of kubelet's admission: `cpu`, `memory`, `pods`. Empty: it fits. */
export function lackingResources(requests: Resources, { capacity, used }: NodeState): readonly string[] {
  const lacks: string[] = [];
  if (used.pods + 1 > capacity.pods) lacks.push('pods');
  if (requests.cpuMillis > 0 && used.cpuMillis + requests.cpuMillis > capacity.cpuMillis) lacks.push('cpu');
  if (requests.memoryBytes > 0 && used.memoryBytes + requests.memoryBytes > capacity.memoryBytes) lacks.push('memory');
  return lacks;
}

function obstacles(pod: WaitingPod, node: NodeState): readonly string[] {
  const matches = Object.entries(pod.nodeSelector).every(([key, value]) => node.labels[key] === value);
  if (!matches) return ["1 node(s) didn't match Pod's node affinity/selector"];
  return lackingResources(pod.requests, node).map((r) => (r === 'pods' ? '1 Too many pods' : `1 Insufficient ${r}`));
}

/**
 * Which of the waiting Pods the one node takes, first come first served; one that does not fit holds up nobody behind it.
 * Messages are kube-scheduler's.
 */
export function planAssignments(waiting: readonly WaitingPod[], node: NodeState): readonly Verdict[] {
  const used = { ...node.used };
  return waiting.map(({ uid, requests, nodeSelector }) => {
    const because = obstacles({ uid, requests, nodeSelector }, { ...node, used });
    if (because.length > 0) {
      return { uid, kind: 'unschedulable', message: `0/1 nodes are available: ${because.join(', ')}.` };
    }
    used.cpuMillis += requests.cpuMillis;
    used.memoryBytes += requests.memoryBytes;
    used.pods += 1;
    return { uid, kind: 'assign' };
  });
}

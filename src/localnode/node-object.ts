import type { NodeCondition, NodeStatus } from 'kubernetes-types/core/v1.js';
import type { NewObject } from '../lib/object-meta.ts';
import type { Node } from '../lib/kubernetes.ts';
import { formatTime } from '../lib/time.ts';
import type { Capacity } from './resources.ts';

/** The Kubernetes release whose kubelet this node takes after: what it writes is checked against an API server of that one. */
const kubernetesRelease = 'v1.35.0';

/** What a Node object says of a machine. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Capacity;
  /** Bytes that Pods may write. */
  readonly storageBytes: number;
  readonly address: string;
  readonly machine: MachineFacts;
  /** Of Porthole. */
  readonly version: string;
}

export interface MachineFacts {
  readonly machineId: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** As Go calls them: `linux`, `amd64`. */
  readonly operatingSystem: string;
  readonly architecture: string;
}

export function buildNode({ name, labels }: Pick<NodeFacts, 'name' | 'labels'>): NewObject<Node> {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, namespace: '', labels }, spec: {} };
}

interface Verdict {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** In kubelet's words, which other programs know. */
function verdicts(isReady: boolean): readonly Verdict[] {
  const sound = (type: string, what: string, message: string): Verdict => ({
    type,
    status: 'False',
    reason: `KubeletHas${what}`,
    message,
  });
  return [
    sound('MemoryPressure', 'SufficientMemory', 'the local node has sufficient memory available'),
    sound('DiskPressure', 'NoDiskPressure', 'the local node has no disk pressure'),
    sound('PIDPressure', 'SufficientPID', 'the local node has sufficient PID available'),
    isReady
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the local node runs pods as processes' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'the local node has stopped' },
  ];
}

export interface NodeMoment {
  readonly isReady: boolean;
  /** As stored: transition times hold while a status does, and what others wrote stays. */
  readonly conditions: readonly NodeCondition[];
  readonly nowMs: number;
}

function toCondition(verdict: Verdict, { conditions, nowMs }: NodeMoment): NodeCondition {
  const before = conditions.find(({ type }) => type === verdict.type);
  const since = before?.status === verdict.status ? before.lastTransitionTime : undefined;
  const now = formatTime(nowMs);
  return { ...verdict, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
}

/** https://kubernetes.io/docs/reference/node/node-status/ */
export function buildNodeStatus(facts: NodeFacts, moment: NodeMoment): NodeStatus {
  const own = verdicts(moment.isReady).map((verdict) => toCondition(verdict, moment));
  const { cpuMillis, memoryBytes, pods } = facts.capacity;
  const quantities = {
    cpu: `${cpuMillis}m`,
    memory: `${memoryBytes}`,
    pods: `${pods}`,
    'ephemeral-storage': `${facts.storageBytes}`,
  };
  const { machineId, ...machine } = facts.machine;
  return {
    capacity: quantities,
    allocatable: quantities,
    addresses: [
      { type: 'InternalIP', address: facts.address },
      { type: 'Hostname', address: facts.name },
    ],
    conditions: [...own, ...moment.conditions.filter(({ type }) => own.every((o) => o.type !== type))],
    nodeInfo: {
      machineID: machineId,
      systemUUID: machineId,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      operatingSystem: machine.operatingSystem,
      architecture: machine.architecture,
      containerRuntimeVersion: `porthole://${facts.version}`,
      kubeletVersion: `${kubernetesRelease}+porthole`,
      kubeProxyVersion: '',
    },
  };
}

/** False when somebody (the node lifecycle controller, an administrator) has made the Node say something else. */
export function isAsWanted(stored: Node, facts: NodeFacts): boolean {
  const conditions = stored.status?.conditions ?? [];
  return (
    stored.status?.nodeInfo?.bootID === facts.machine.bootId &&
    verdicts(true).every(({ type, status }) => conditions.some((c) => c.type === type && c.status === status))
  );
}

/** Labels that the Node lacks or has with another value. */
export function missingLabels(stored: Node, { labels }: NodeFacts): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([key, value]) => stored.metadata.labels?.[key] !== value));
}

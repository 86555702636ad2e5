import type { LeaseSpec } from 'kubernetes-types/coordination/v1.js';
import type { NodeSpec, NodeStatus, ObjectReference, PodSpec, PodStatus } from 'kubernetes-types/core/v1.js';
import type { EventSeries } from 'kubernetes-types/events/v1.js';
import type { NetworkPolicySpec } from 'kubernetes-types/networking/v1.js';
import type { StoredObject } from './object-meta.ts';

/** The built-in kinds that Porthole reads and writes, with metadata that is always there. Types only. */
export interface Pod extends StoredObject {
  readonly spec: PodSpec;
  readonly status?: PodStatus;
}

export interface Secret extends StoredObject {
  readonly type?: string;
  /** Values are base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

export interface ConfigMap extends StoredObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Has no namespace. */
export interface Node extends StoredObject {
  readonly spec: NodeSpec;
  readonly status?: NodeStatus;
}

/** Times in it need six decimals. */
export interface Lease extends StoredObject {
  readonly spec: LeaseSpec;
}

export interface NetworkPolicy extends StoredObject {
  readonly spec: NetworkPolicySpec;
}

/** Has no namespace. https://kubernetes.io/docs/concepts/containers/runtime-class/ */
export interface RuntimeClass extends StoredObject {
  /** What the container runtime of each node calls it. */
  readonly handler: string;
}

/** Of events.k8s.io/v1: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export interface Event extends StoredObject {
  /** RFC 3339 with six decimals. */
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  /** CamelCase, for programs. */
  readonly reason: string;
  readonly regarding: ObjectReference;
  readonly related?: ObjectReference;
  /** For people; at most 1 kB. */
  readonly note: string;
  readonly type: 'Normal' | 'Warning';
  readonly series?: EventSeries;
}

import type { ConfigMap, Event, Lease, NetworkPolicy, Node, Pod, RuntimeClass, Secret } from '../lib/kubernetes.ts';
import type { Resource } from '../lib/resource.ts';

/** Kubernetes' own default, in seconds. */
const podGraceSeconds = 30;

/** Such a Pod has no process that could need time to end. */
function hasNoProcess({ spec, status }: Pod): boolean {
  return !spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

export const pods: Resource<Pod> = {
  apiVersion: 'v1',
  kind: 'Pod',
  plural: 'pods',
  hasStatus: true,
  gracePeriodSeconds: (pod) => (hasNoProcess(pod) ? 0 : (pod.spec.terminationGracePeriodSeconds ?? podGraceSeconds)),
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
    'status.phase': (pod) => pod.status?.phase ?? '',
  },
};

export const secrets: Resource<Secret> = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', hasStatus: false };

export const configMaps: Resource<ConfigMap> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  hasStatus: false,
};

export const nodes: Resource<Node> = {
  apiVersion: 'v1',
  kind: 'Node',
  plural: 'nodes',
  scope: 'Cluster',
  hasStatus: true,
};

export const runtimeClasses: Resource<RuntimeClass> = {
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  scope: 'Cluster',
  hasStatus: false,
};

export const leases: Resource<Lease> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  hasStatus: false,
};

export const events: Resource<Event> = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  plural: 'events',
  hasStatus: false,
};

export const networkPolicies: Resource<NetworkPolicy> = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  hasStatus: false,
};

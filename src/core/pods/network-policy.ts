import type {
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
} from 'kubernetes-types/networking/v1.js';
import { ports } from '../../api/agent/contract.ts';
import type { BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { NetworkPolicy } from '../../lib/kubernetes.ts';
import { createAddressSet, toIpAddress } from '../../lib/net-address.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import {
  globalUnicast,
  metadata,
  nat64,
  notPublicIpv4,
  notPublicIpv6,
  sixToFour,
  teredo,
} from '../../lib/special-ranges.ts';
import { ownedByPool } from './claim.ts';
import { commonLabels, namespaceLabel, sandboxLabels } from './names.ts';

/** Components of Porthole that call agents: to bind and end, to relay, to ask for pages and touch. */
const callers = ['operator', 'gateway', 'facade'];

export const networkPolicyName = (pool: string): string => `${pool}-sandboxes`;

/**
 * In: operator, gateway and facade, to the agent's port. Out: the internet, names, and what the pool allows; never the cluster, the
 * node, or what is link-local. The proxy says the same of every address after it has resolved a name: this is for whoever gets
 * past it. Kubelets may probe from their node in any case.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function buildNetworkPolicy(pool: BrowserPool, systemNamespace: string): NewObject<NetworkPolicy> {
  const { name, namespace } = pool.metadata;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: networkPolicyName(name),
      namespace,
      labels: { ...sandboxLabels, [labels.pool]: name },
      ownerReferences: [ownedByPool(pool)],
    },
    spec: {
      podSelector: { matchLabels: { [labels.pool]: name } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [fromCallers(systemNamespace)],
      egress: [toDns, { to: [...internet, ...allowedBy(pool).map(toPeer)] }],
    },
  };
}

function fromCallers(systemNamespace: string): NetworkPolicyIngressRule {
  return {
    from: [
      {
        namespaceSelector: { matchLabels: { [namespaceLabel]: systemNamespace } },
        podSelector: { matchExpressions: [{ key: commonLabels.component, operator: 'In', values: callers }] },
      },
    ],
    ports: [{ port: ports.agent, protocol: 'TCP' }],
  };
}

/** kube-dns and CoreDNS both bear this label. */
const toDns: NetworkPolicyEgressRule = {
  to: [
    {
      namespaceSelector: { matchLabels: { [namespaceLabel]: 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ],
};

const ranges4 = createAddressSet(notPublicIpv4);
/** Metadata services of IPv6 have addresses that are not global; of those of IPv4 one looks as if it were. */
const metadata4 = metadata.filter((address) => !address.includes(':') && !ranges4.has(address));
const notPublic4 = [...notPublicIpv4, ...metadata4.map(toCidr)];

/**
 * A policy cannot look into an address. Behind the NAT64 prefix each IPv4 range is a range too, and is left out there; 6to4 and
 * Teredo are left out whole.
 */
const internet: readonly NetworkPolicyPeer[] = [
  { ipBlock: { cidr: '0.0.0.0/0', except: notPublic4 } },
  { ipBlock: { cidr: globalUnicast, except: [...notPublicIpv6, sixToFour, teredo] } },
  { ipBlock: { cidr: nat64, except: notPublic4.map(toNat64) } },
];

/** A policy knows pods, not programs: upstream proxies are let through here, and kept from the browser by the proxy in the pod. */
function allowedBy({ spec: { template } }: BrowserPool): readonly string[] {
  return [...new Set([...template.egress.allow, ...template.egress.upstreamAllow])];
}

function toPeer(address: string): NetworkPolicyPeer {
  return { ipBlock: { cidr: toCidr(address) } };
}

function toCidr(address: string): string {
  if (address.includes('/')) return address;
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

/** `10.0.0.0/8` → `64:ff9b::a00:0/104` (RFC 6052). */
function toNat64(cidr: string): string {
  const [address = '', bits] = cidr.split('/');
  const [prefix = '', width] = nat64.split('/');
  return `${toIpAddress(`${prefix}${address}`)?.text ?? ''}/${Number(width) + Number(bits)}`;
}

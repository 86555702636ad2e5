import { z } from 'zod';
import { names, nodeTaint } from './install.ts';
import { formatKubeconfigFor, type ClusterEntry } from './kubeconfig.ts';
import type { Tools } from './tools.ts';

/** Processes that act with a ServiceAccount of the chart. */
export const accountRoles = ['operator', 'facade', 'gateway'] as const;

/** Nobody renews them here, as a kubelet would. A cluster may give shorter ones. */
const tokenDuration = '8760h';

const configShape = z.object({
  clusters: z.array(z.object({ cluster: z.record(z.string(), z.unknown()) })).min(1),
});

/** The cluster of the tools' current context. */
export async function readClusterEntry(tools: Tools): Promise<ClusterEntry> {
  const text = await tools.kubectl(['config', 'view', '--raw', '--minify', '--flatten', '--output=json']);
  const [entry] = configShape.parse(JSON.parse(text)).clusters;
  return entry?.cluster ?? {};
}

/** Text of a kubeconfig with a token of a ServiceAccount in the release's namespace. */
export async function mintKubeconfig(tools: Tools, cluster: ClusterEntry, account: string): Promise<string> {
  const namespace = names.systemNamespace;
  const args = ['create', 'token', account, '--namespace', namespace, `--duration=${tokenDuration}`];
  const token = (await tools.kubectl(args)).trim();
  return formatKubeconfigFor(cluster, { token, user: `system:serviceaccount:${namespace}:${account}`, namespace });
}

const nodeAccount = 'porthole-local-node';

/**
 * In a cluster that exists nobody hands out tokens for `system:node:…`: so the local node is a ServiceAccount with the rights that
 * Kubernetes keeps for kubelets, on a Node that only sandboxes are sent to.
 */
export async function admitLocalNode(tools: Tools, cluster: ClusterEntry): Promise<string> {
  const metadata = { name: nodeAccount, namespace: names.systemNamespace };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node' };
  const subjects = [{ kind: 'ServiceAccount', ...metadata }];
  const labels = { 'kubernetes.io/hostname': names.node };
  const items = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: nodeAccount },
      roleRef,
      subjects,
    },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: names.node, labels }, spec: { taints: [nodeTaint] } },
  ];
  const apply = ['apply', '--server-side', '--force-conflicts', '--field-manager=porthole-cluster', '-f', '-'];
  await tools.kubectl(apply, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return mintKubeconfig(tools, cluster, nodeAccount);
}

/** Takes back what `admitLocalNode` made. */
export async function dismissLocalNode(tools: Tools): Promise<void> {
  const gone = ['--ignore-not-found', '--wait=false'];
  await tools.kubectl(['delete', 'node', names.node, ...gone]);
  await tools.kubectl(['delete', 'clusterrolebinding', nodeAccount, ...gone]);
  await tools.kubectl(['delete', 'serviceaccount', nodeAccount, '--namespace', names.systemNamespace, ...gone]);
}

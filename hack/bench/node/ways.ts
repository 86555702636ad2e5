import { devtoolsPorts, paths, ports } from '../../../src/api/agent/contract.ts';
import { keysSecretName } from '../../../src/cmd/process/keys-secret.ts';
import { secrets } from '../../../src/kube/builtins.ts';
import { importPrivateKey, signTicket } from '../../../src/lib/ticket.ts';
import { names } from '../../cluster/install.ts';
import { listCgroupPids } from '../../node/cgroups.ts';
import { startDialer } from '../../node/dialer.ts';
import { attachToPage, connectCdp, type CdpOptions } from '../cdp-connection.ts';
import type { LaunchedCluster } from '../cluster/launched.ts';
import { getBy, type Dial } from '../dial.ts';
import type { MeasuredNode } from './measured-node.ts';
import type { Way } from '../trivial-calls.ts';

/**
 * direct: to Chromium on its own loopback, in the Pod's network; gVisor's is its own, which nobody else can be in. agent: from the node over
 * the Pod network to the agent, which stands before Chromium. whole path: to the gateway, and from there as `agent`.
 */
export type NodeWayName = 'direct' | 'agent' | 'whole path';

export interface NodeWays {
  readonly ways: readonly Way<NodeWayName>[];
  /** A page's CDP session by way. */
  readonly pages: ReadonlyMap<NodeWayName, string>;
}

interface Target {
  readonly podUid: string;
  readonly podIp: string;
  readonly sessionUid: string;
  readonly cdpUrl: string;
}

async function createTarget(cluster: LaunchedCluster): Promise<Target> {
  await cluster.settled(0);
  const { id, cdpUrl } = await cluster.caller.create();
  const [pod] = await cluster.sandboxes();
  const podIp = pod?.status?.podIP;
  if (!pod || podIp === undefined) throw new Error('a session was ready and its sandbox is not there');
  return { podUid: pod.metadata.uid, podIp, sessionUid: id, cdpUrl };
}

/** As the gateway would sign it. */
async function signCdpTicket({ store }: LaunchedCluster, { podUid, sessionUid }: Target): Promise<string> {
  const secret = await store.get(secrets, { namespace: names.systemNamespace, name: keysSecretName });
  const text = Buffer.from(secret?.data?.['ticket.key'] ?? '', 'base64').toString();
  const expiresAt = Math.ceil(Date.now() / 1000) + 60;
  return signTicket(importPrivateKey(text.trim()), { podUid, sessionUid, purpose: 'cdp', expiresAt });
}

async function findBrowser(dial: Dial): Promise<string> {
  const { body } = await getBy(dial, { host: '127.0.0.1', port: devtoolsPorts.first }, '/json/version');
  return (JSON.parse(body) as { webSocketDebuggerUrl: string }).webSocketDebuggerUrl;
}

/** A dial in the Pod's network; undefined where its loopback is in there and nowhere else. */
function openPodNetwork({ runtime, cluster }: MeasuredNode, { podUid }: Target, stack: AsyncDisposableStack) {
  const [pid] = listCgroupPids(cluster.cgroup ?? '', podUid);
  if (runtime === 'gvisor' || pid === undefined) return undefined;
  const dialer = stack.use(startDialer(pid));
  const dial: Dial = (to) => dialer.dial(to);
  return dial;
}

/** A new session's browser, attached to by every way there is. All is let go of with `stack`. */
export async function openNodeWays(node: MeasuredNode, stack: AsyncDisposableStack): Promise<NodeWays> {
  const { cluster } = node;
  const target = await createTarget(cluster);
  stack.defer(() => cluster.caller.end(target.sessionUid));
  const ways: Way<NodeWayName>[] = [];
  const open = async (name: NodeWayName, url: string, options: CdpOptions): Promise<void> => {
    ways.push({ name, cdp: stack.use(await connectCdp(url, options)) });
  };
  const inPod = openPodNetwork(node, target, stack);
  if (inPod) await open('direct', await findBrowser(inPod), { dial: inPod });
  const { dial } = cluster;
  const authorization = `Bearer ${await signCdpTicket(cluster, target)}`;
  await open('agent', `ws://${target.podIp}:${ports.agent}${paths.cdpBrowser}`, { dial, headers: { authorization } });
  await open('whole path', target.cdpUrl, { dial });
  const pages = new Map<NodeWayName, string>();
  for (const { name, cdp } of ways) pages.set(name, await attachToPage(cdp));
  return { ways, pages };
}

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadKubeAccess } from '../../src/kube/apiserver/access.ts';
import { createApiServerStore } from '../../src/kube/apiserver/api-server-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { startKubeNode, type KubeNodeOptions } from '../../src/localnode/kube-node.ts';
import type { LocalNode } from '../../src/localnode/node.ts';
import type { TestControlPlane } from './control-plane.ts';
import { silentLogger } from './fakes.ts';
import { runScripts } from './test-node.ts';

/** Whom a control plane must know for `startClusterNode`. */
export const nodeUser = { name: 'system:node:one', groups: ['system:nodes'] };

export interface ClusterNode extends AsyncDisposable {
  readonly node: LocalNode;
  readonly podsDir: string;
  /** Ends the node; a start on the same folder may follow. */
  stop(): Promise<void>;
}

/** For tests: the local node under a kubelet's identity, with the images `sh` and `node` of test-node.ts. */
export async function startClusterNode(
  plane: TestControlPlane,
  options: Partial<KubeNodeOptions> = {},
): Promise<ClusterNode> {
  const dir = await mkdtemp(join(tmpdir(), 'localnode-'));
  await chmod(dir, 0o711);
  const access = loadKubeAccess({ kubeconfig: plane.kubeconfigFor(nodeUser.name) });
  const common = { clock: systemClock, logger: silentLogger };
  const store = createApiServerStore({ access, fieldManager: 'porthole-node', ...common });
  const podsDir = join(dir, 'pods');
  const node = await startKubeNode({
    ...{ store, nodeName: 'one', commandFor: runScripts, version: '0.0.0', ...common },
    capacity: { cpuMillis: 4000, memoryBytes: 2 ** 32, pods: 50 },
    stateDir: join(dir, 'state'),
    podsDir,
    ...options,
  });
  const stop = async (): Promise<void> => {
    await node[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  return {
    node,
    podsDir,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

import { startBareChain } from '../cluster/bare-chain.ts';
import { namespaces, roles, startClusterWorld, type ClusterWorld } from '../cluster/world.ts';
import type { Run } from '../run.ts';
import { measureLatency } from './cluster/latency.ts';
import { measureManySessions } from './cluster/many-sessions.ts';
import { measurePoolSizes } from './cluster/pool-sizes.ts';
import { measureRealBrowsers } from './cluster/real-browsers.ts';
import { measureSustained } from './cluster/sustained.ts';
import { measureWrites } from './cluster/writes.ts';

const parallel = 100;

async function startAll(world: ClusterWorld): Promise<void> {
  for (const role of roles) await world.start(role);
}

/** How long it takes, and how much of it there can be. */
async function measureSpeed(run: Run): Promise<void> {
  await using world = await startClusterWorld(run, { parallel });
  await startAll(world);
  await using chain = await startBareChain(run, world.kubeconfig, namespaces.bareChain);
  await measureLatency(run, world, chain);
  await measureSustained(run, world, chain);
  await measurePoolSizes(run, world);
}

/** What it asks of the API server. */
async function measureRequests(run: Run): Promise<void> {
  await using world = await startClusterWorld(run, { parallel, audit: true });
  await startAll(world);
  await measureWrites(run, world);
}

/** What it takes to look after many. */
async function measureScale(run: Run): Promise<void> {
  await using world = await startClusterWorld(run, { parallel });
  await measureManySessions(run, world);
}

/** Porthole's processes on a real control plane; see the remark. */
export async function measureCluster(run: Run): Promise<void> {
  run.remark(
    'cluster: etcd, API server, controller manager and scheduler are real, and so are operator, facade and gateway, each a ' +
      'process of its own; sandboxes are answered by a fake node without browsers, so only the control plane is measured. ' +
      'All of it and the bench share the cores of this machine.',
  );
  await measureSpeed(run);
  await measureRequests(run);
  await measureScale(run);
  await measureRealBrowsers(run);
}

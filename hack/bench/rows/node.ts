import { missingForNode } from '../../../test/support/node-machine.ts';
import { runtimes, type Runtime } from '../../node/node-files.ts';
import { launchCluster } from '../cluster/launched.ts';
import type { Run } from '../run.ts';
import { measureCalls } from './node/cdp.ts';
import { measureCold } from './node/cold.ts';
import { measurePods } from './node/memory.ts';
import { measureStart } from './node/start.ts';
import { measureWarm } from './node/warm.ts';

/** Several sandboxes may start at once, and gVisor takes its time. */
const startupDeadlineMs = 120_000;

async function measureRuntime(run: Run, runtime: Runtime): Promise<void> {
  await measureStart(run, runtime);
  run.progress(`node, ${runtime}: starting`);
  await using cluster = await launchCluster(run, {
    runtime,
    settings: {
      PORTHOLE_WARM_MIN: 0,
      PORTHOLE_WARM_MAX: 0,
      PORTHOLE_MAX_SANDBOXES: 2,
      PORTHOLE_MAX_CONCURRENT_SESSIONS: 100,
      PORTHOLE_STARTUP_DEADLINE_MS: startupDeadlineMs,
    },
  });
  const node = { runtime, cluster };
  await measureCold(run, node);
  await measureCalls(run, node);
  await measurePods(run, node);
  await measureWarm(run, node);
}

/** Sandboxes as Pods of a real kubelet; see the remark. Needs root, and what `npm run controlplane -- --with node` gets. */
export async function measureNode(run: Run): Promise<void> {
  const present = runtimes.filter((runtime) => {
    const why = missingForNode(runtime);
    if (why !== undefined) run.remark(`node: ${runtime} is left out: ${why}.`);
    return why === undefined;
  });
  if (present.length === 0) return;
  run.remark(
    'node: `npm run cluster -- --node kubelet`, image and programs there already. Callers are in the network of the node, so that no ' +
      'forwarded port lies between them and Porthole. A bare Pod has the very spec of a sandbox and nobody who looks after it; it counts ' +
      'until its agent, asked directly, says that a page has answered. All of it and the bench share the cores of this machine.',
  );
  for (const runtime of present) await measureRuntime(run, runtime);
}

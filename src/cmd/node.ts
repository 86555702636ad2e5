import { startKubeNode } from '../localnode/kube-node.ts';
import type { NodeConfig } from './config/parse-process-config.ts';
import { openStateFolder } from './data-folder.ts';
import { ProcessFailure } from './exit-codes.ts';
import { findBrowserOnPath } from './parts/find-browser.ts';
import { localSandboxes } from './parts/local-sandboxes.ts';
import { runProcess, type Surroundings } from './process/run-process.ts';
import { untilAborted } from './process/stopping.ts';
import { readVersion } from './version.ts';

/** `porthole node`: a Node whose Pods are processes of this machine. Told to end, it says so and ends them. */
export function runNode(config: NodeConfig): Promise<number> {
  return runProcess({ name: 'node', config, serve: (around) => serve(config, around) });
}

async function serve(config: NodeConfig, around: Surroundings): Promise<void> {
  const { store, readiness, clock, logger, stop } = around;
  const { nodeName, dataDir, logLevel } = config;
  const chromium = config.chromium ?? findBrowserOnPath(process.env['PATH'] ?? '');
  if (!chromium)
    throw new ProcessFailure(
      'misused',
      'No Chromium was found on the PATH. Install one, or name it with PORTHOLE_CHROMIUM.',
    );
  await using folder = await openStateFolder(dataDir);
  await using node = await startKubeNode({
    store,
    nodeName,
    ...localSandboxes({ folder, chromium, logLevel }),
    clock,
    logger,
    version: readVersion(),
    signal: stop,
  });
  readiness.follow({ pods: node });
  if (!stop.aborted) readiness.set(undefined);
  logger.info({ nodeName, chromium }, 'the node runs Pods');
  await untilAborted(stop);
}

import { rmSync } from 'node:fs';
import path from 'node:path';
import { takeStopSignals } from '../../src/cmd/parts/stop-signal.ts';
import { parseClusterConfig, type ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import { formatHelp } from '../../src/cmd/config/help.ts';
import type { Environment } from '../../src/cmd/config/read-knobs.ts';
import { findBrowserOnPath } from '../../src/cmd/parts/find-browser.ts';
import { refuse, say } from '../../src/cmd/say.ts';
import { sentenceFor } from '../../src/cmd/sentence-for.ts';
import { writePrivate } from '../../src/cmd/write-private.ts';
import { readVersion } from '../../src/cmd/version.ts';
import { findPrograms } from '../controlplane/find.mjs';
import { controlPlaneNames, namesIn } from '../controlplane/programs.mjs';
import { announceCluster } from './announcement.ts';
import { openClusterFolder } from './cluster-folder.ts';
import { startCluster, type LaunchOptions } from './launch.ts';

/** The launcher may run below another process; when that is gone, even by SIGKILL, this one ends as if told to. */
function endWithParent(): void {
  if (!process.connected) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

function findBinaries(config: ClusterConfig, env: Environment): LaunchOptions['binaries'] {
  const ofNode = config.node === 'kubelet' ? namesIn('node') : [];
  const ofRuntime = config.runtime === 'gvisor' ? namesIn('gvisor') : [];
  const own = [...controlPlaneNames, ...ofNode, ...ofRuntime];
  const { files, missing: needed } = findPrograms(
    { ...env },
    config.useExistingCluster === 'yes' ? ['kubectl', 'helm'] : own,
  );
  const { kubectl, helm } = files;
  if (needed.length > 0 || !kubectl || !helm) {
    const more = [...(ofNode.length > 0 ? ['node'] : []), ...(ofRuntime.length > 0 ? ['gvisor'] : [])];
    const how = more.length > 0 ? ` -- --with ${more.join(' --with ')}` : '';
    throw new Error(`${needed.join(', ')} cannot be found; npm run controlplane${how} gets them.`);
  }
  return { ...files, kubectl, helm };
}

async function launch(config: ClusterConfig, env: Environment): Promise<void> {
  const { first, hurry } = takeStopSignals();
  const stop = new AbortController();
  void first.then(() => stop.abort());
  hurry.addEventListener('abort', () => process.exit(1));
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await openClusterFolder(config));
  const chromium = config.chromium ?? findBrowserOnPath(env['PATH'] ?? '') ?? '';
  if (chromium === '' && config.node === 'process')
    throw new Error('No Chromium was found on the PATH. Install one, or name it with PORTHOLE_CHROMIUM.');
  const binaries = findBinaries(config, env);
  const { path: dir, apiKey } = folder;
  try {
    const cluster = stack.use(
      await startCluster({ config, dir, apiKey, binaries, chromium, signal: stop.signal, progress: say }),
    );
    const { apiUrl, gatewayUrl, metricsUrl, metricsUrls, kubeconfig, pids, node } = cluster;
    const instance = { pid: process.pid, apiUrl, gatewayUrl, metricsUrl, metricsUrls, kubeconfig, pids, node };
    const file = path.join(dir, 'instance.json');
    writePrivate(file, `${JSON.stringify(instance, undefined, 2)}\n`);
    stack.defer(() => rmSync(file, { force: true }));
    say(
      announceCluster({
        ...cluster,
        apiKey,
        dir,
        kubectl: binaries.kubectl,
        searchPath: env['PATH'] ?? '',
        usesExisting: config.useExistingCluster === 'yes',
        sandboxes: config.node === 'process' ? 'process' : config.runtime,
        readyAfterMs: performance.now(),
      }),
    );
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  say(`\n${await first}: ending all processes.`);
}

/** `npm run cluster`: reads flags and environment, then runs until told to end. Resolves with the exit code. */
export async function runCluster(argv: readonly string[], env: Environment): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) return say(formatHelp('cluster'));
  if (argv.includes('--version')) return say(readVersion());
  const parsed = parseClusterConfig(argv, env);
  if (!parsed.ok) return refuse(parsed.problems.join('\n'));
  endWithParent();
  try {
    await launch(parsed.config, env);
    return 0;
  } catch (error) {
    refuse(sentenceFor(error));
    return 1;
  }
}

if (import.meta.main) {
  process.exitCode = await runCluster(process.argv.slice(2), process.env);
}

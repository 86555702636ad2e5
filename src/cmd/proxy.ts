import { flushCompileCache } from 'node:module';
import { createLog } from '../proxy/log.ts';
import { parseProxySettings } from '../proxy/settings.ts';
import { startProxy } from '../proxy/start.ts';
import { env } from '../api/agent/contract.ts';
import { watchParent } from '../lib/parent-watch.ts';
import { dropPrivileges, planPrivileges } from '../lib/privileges.ts';

/**
 * The egress proxy of a sandbox. Its settings are the pod's environment; see `env` in api/agent/contract.
 *
 * Each sandbox pays for its memory, so run it as `node --max-semi-space-size=1 --v8-pool-size=1 proxy.ts`, with
 * NODE_COMPILE_CACHE at a folder that only its first user can write: that spares the stripping of types at each start.
 * Measured with Node 26: idle 63 MB resident, 18 of them its own, listening after 70 ms (without the cache 99, 43 and 110);
 * after 4,000 requests and 2 GB through tunnels 90 and 38.
 */
async function main(): Promise<void> {
  const log = createLog((line) => void process.stdout.write(line), Date.now);
  const settings = parseProxySettings(process.env);
  const plan = planPrivileges(process.getuid?.() ?? 0, settings.runAs);
  if (plan.kind === 'refuse') throw new Error(`PORTHOLE_RUN_AS: ${plan.message}`);
  // Where NODE_COMPILE_CACHE is set: now, for the folder must be root's alone, and whoever runs from here on is not.
  flushCompileCache();
  if (plan.kind === 'drop') dropPrivileges(plan.to);

  const asked = Promise.withResolvers<string>();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, asked.resolve);
  // Whoever read the log may be gone before us.
  process.stdout.on('error', () => undefined);
  const parentPid = Number(process.env[env.parentPid]);
  if (parentPid) watchParent(parentPid, () => asked.resolve('the parent is gone'));
  await using proxy = await startProxy({ settings, log });
  log(30, 'the proxy listens', { address: settings.podIp, ...proxy.ports });
  log(30, 'the proxy ends', { signal: await asked.promise });
}

try {
  await main();
  // Not by an empty loop: a name that is being looked up would hold it for as long as the resolver likes.
  process.exit(0);
} catch (error) {
  process.stderr.write(`proxy: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

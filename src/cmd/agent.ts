import { flushCompileCache } from 'node:module';
import { agentExitCodes, env } from '../api/agent/contract.ts';
import { bootBrowser } from '../agent/boot.ts';
import { leaveLastWords } from '../agent/last-words.ts';
import { createLog } from '../agent/log.ts';
import { endFamily } from '../agent/process-tree.ts';
import { parseAgentSettings, type AgentSettings } from '../agent/settings.ts';
import { watchParent } from '../lib/parent-watch.ts';
import { dropPrivileges, planPrivileges, type Identity } from '../lib/privileges.ts';

/**
 * The agent of a sandbox: Chromium, its desktop, and the server that stands for both. Its settings are the pod's environment; see
 * `env` in api/agent/contract, and `agentExitCodes` there for how it ends. What is imported above is what it takes to start
 * Chromium; the rest is loaded while that starts.
 */
interface Configured {
  readonly settings: AgentSettings;
  /** Whom to become once all is loaded; undefined: it is that user already. */
  readonly owner: Identity | undefined;
}

function configure(): Configured {
  const settings = parseAgentSettings(process.env);
  const plan = planPrivileges(process.getuid?.() ?? 0, settings.runAs);
  if (plan.kind === 'refuse') throw new Error(`PORTHOLE_RUN_AS: ${plan.message}`);
  return { settings, owner: plan.kind === 'drop' ? plan.to : undefined };
}

/** Serves until it is over, and leaves nothing behind of what it started. */
async function serve({ settings, owner }: Configured): Promise<number> {
  const { isVerbose } = settings;
  const log = createLog({ write: (line) => void process.stdout.write(line), now: Date.now, isVerbose });
  const stop = Promise.withResolvers<string>();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, stop.resolve);
  // Whoever read the log may be gone before us; there is still a browser to end.
  process.stdout.on('error', () => undefined);
  const parentPid = Number(process.env[env.parentPid]);
  if (parentPid) watchParent(parentPid, () => stop.resolve('the parent is gone'));
  await using started = new AsyncDisposableStack();
  const end = async (first: readonly number[]): Promise<void> => {
    if (!(await endFamily(process.pid, first))) log(40, 'processes of this sandbox are left');
  };
  started.defer(() => end([]));
  const boot = await bootBrowser(settings, owner);
  started.defer(() => boot.desktop?.forget());
  started.defer(() => end([boot.browser.pid]));
  const { runAgent } = await import('../agent/run.ts');
  // Where NODE_COMPILE_CACHE is set: now, for the folder must be root's alone, and whoever runs from here on is not.
  flushCompileCache();
  if (owner) dropPrivileges(owner);
  return await runAgent({ settings, boot, stopped: stop.promise, log });
}

async function run(): Promise<number> {
  let exitCode: number = agentExitCodes.badSettings;
  try {
    const configured = configure();
    exitCode = agentExitCodes.neverUsable;
    return await serve(configured);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`agent: ${reason}\n`);
    leaveLastWords(reason);
    return exitCode;
  }
}

process.exit(await run());

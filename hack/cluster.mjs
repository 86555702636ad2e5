/**
 * `npm run cluster`: brings what is missing, then runs a real Kubernetes control plane and Porthole's processes on this machine.
 * Any Node from 18 on runs this file; the sources run on the project's own.
 */
import module from 'node:module';
import path from 'node:path';
import { runInPlace } from './bootstrap/children.mjs';
import { endWithNpm } from './bootstrap/npm-watch.mjs';
import { namedChromium } from './bootstrap/named-chromium.mjs';
import { prepare, root } from './bootstrap/prepare.mjs';
import { ensurePrograms } from './controlplane.mjs';
import { controlPlaneNames, namesIn } from './controlplane/programs.mjs';
import { ensureRequirements } from './node/requirements.mjs';

/**
 * @param {string} flag
 * @param {string} variable
 * @param {{ args: readonly string[], env: NodeJS.ProcessEnv }} spoken
 * @returns {string | undefined}
 */
function spokenOf(flag, variable, { args, env }) {
  const at = args.findLastIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (at === -1) return env[variable];
  return args[at] === flag ? args[at + 1] : args[at]?.slice(flag.length + 1);
}

/**
 * What must be there before the launcher runs. An existing cluster brings its own control plane.
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ runtime: 'runc' | 'gvisor' | undefined, programs: readonly import('./controlplane/programs.mjs').ProgramName[] }}
 */
function neededPrograms(args, env) {
  const usesExisting = args.some((arg) => arg.startsWith('--use-existing-cluster') && !arg.endsWith('=no'));
  const runtime = spokenOf('--runtime', 'PORTHOLE_RUNTIME', { args, env });
  const hasKubelet = (spokenOf('--node', 'PORTHOLE_NODE', { args, env }) ?? (runtime && 'kubelet')) === 'kubelet';
  if (usesExisting || env['PORTHOLE_USE_EXISTING_CLUSTER'] === 'yes') {
    return { runtime: undefined, programs: ['kubectl', 'helm'] };
  }
  const ofNode = hasKubelet ? namesIn('node') : [];
  const ofRuntime = hasKubelet && runtime === 'gvisor' ? namesIn('gvisor') : [];
  const needed = runtime === 'gvisor' ? 'gvisor' : 'runc';
  return { runtime: hasKubelet ? needed : undefined, programs: [...controlPlaneNames, ...ofNode, ...ofRuntime] };
}

async function cluster() {
  const args = process.argv.slice(2);
  const onlyAsks = args.some((arg) => ['--help', '-h', '--version'].includes(arg));
  const named = namedChromium(args);
  const env = named === undefined ? process.env : { ...process.env, PORTHOLE_CHROMIUM: named };
  const { runtime, programs } = neededPrograms(args, env);
  // Before minutes are spent on programs that could not be used.
  const met = runtime && !onlyAsks ? await ensureRequirements(runtime, env) : undefined;
  if (met && 'why' in met) {
    console.error(`--node kubelet: ${met.why}.`);
    return 2;
  }
  // Where sandboxes are containers, Chromium is in their image.
  const prepared = await prepare({ env, withChromium: !onlyAsks && runtime === undefined });
  if (!prepared) return 1;
  if (!onlyAsks && !(await ensurePrograms(env, programs))) return 1;
  endWithNpm(env);
  if (prepared.node !== process.execPath) {
    const main = path.join(root, 'hack', 'cluster', 'main.ts');
    // In a group of its own, Ctrl-C reaches it once, from here, and not a second time from the terminal: a second one means hurry.
    return runInPlace(prepared.node, [main, ...args], { env: prepared.env, detached: true });
  }
  module.enableCompileCache?.(path.join(root, 'node_modules', '.cache', 'compiled'));
  Object.assign(process.env, prepared.env);
  const { runCluster } = await import('./cluster/main.ts');
  return runCluster(args, process.env);
}

process.exitCode = await cluster();

/** What a real node needs of this machine. Any Node from 18 on runs this file: it is asked before anything is installed. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import { installByApt } from '../bootstrap/apt.mjs';

/** @typedef {'runc' | 'gvisor'} Runtime */

/** Where the system's programs are; users' PATHs often lack the second half. */
export const systemPath = '/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin';

/**
 * Programs of the system, each with Debian's package of it.
 * @type {Readonly<Record<string, string>>}
 */
const systemPrograms = {
  bash: 'bash',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  openssl: 'openssl',
  tar: 'tar',
  runc: 'runc',
  mmdebstrap: 'mmdebstrap',
};

/**
 * gVisor needs a newer containerd than Debian has.
 * @type {Readonly<Record<string, string>>}
 */
const debianRuntime = { containerd: 'containerd', ctr: 'containerd' };

const pluginsPackage = 'containernetworking-plugins';
const neededPlugins = ['bridge', 'host-local', 'loopback'];
/** Debian's, and what the plugins' own archives say. */
const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin'];

/**
 * @param {string} file
 * @returns {boolean}
 */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} program
 * @returns {string | undefined}
 */
export function findOnSystem(program) {
  const files = systemPath.split(':').map((folder) => path.join(folder, program));
  return files.find(isExecutable);
}

const findPlugins = () =>
  pluginFolders.find((folder) => neededPlugins.every((name) => isExecutable(path.join(folder, name))));

/**
 * What it needs besides root, and does not find.
 * @param {Runtime} runtime
 * @returns {{ what: readonly string[], packages: readonly string[] }}
 */
function findMissing(runtime) {
  const programs = { ...systemPrograms, ...(runtime === 'runc' && debianRuntime) };
  const missing = Object.entries(programs).filter(([program]) => findOnSystem(program) === undefined);
  const plugins = findPlugins() === undefined ? ['the CNI plugins'] : [];
  const packages = [...missing.map(([, name]) => name), ...plugins.map(() => pluginsPackage)];
  return { what: [...missing.map(([program]) => program), ...plugins], packages: [...new Set(packages)] };
}

const isRoot = () => process.getuid?.() === 0;

/** Root in a container often may not. */
const mayUnshare = () => spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'true']).status === 0;

/**
 * Why no real node can run here, in a sentence; undefined when one can. Looks only.
 * @param {Runtime} runtime
 * @returns {string | undefined}
 */
export function whyNoNode(runtime) {
  if (process.platform !== 'linux') return 'a real node needs Linux';
  if (!isRoot()) return 'a real node needs root, for namespaces, mounts and cgroups of its own';
  const { what, packages } = findMissing(runtime);
  if (what.length === 0) return mayUnshare() ? undefined : 'this machine lets nobody have namespaces of their own';
  return `${what.join(', ')} cannot be found here; on Debian and Ubuntu: apt-get install ${packages.join(' ')}`;
}

/**
 * Sees to it that a node can run here: as root on Debian and Ubuntu it installs what is missing, saying so.
 * @param {Runtime} runtime
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ cniPlugins: string } | { why: string }>} Where network plugins are, or a sentence why there is no way.
 */
export async function ensureRequirements(runtime, env) {
  const { what, packages } = findMissing(runtime);
  if (packages.length > 0 && isRoot() && existsSync('/usr/bin/apt-get')) {
    await installByApt(packages, env, `${what.join(', ')} cannot be found here`);
  }
  const why = whyNoNode(runtime);
  const cniPlugins = findPlugins();
  return why === undefined && cniPlugins !== undefined ? { cniPlugins } : { why: why ?? 'there are no CNI plugins' };
}

/**
 * Does node_modules hold what package-lock.json asks for? If not, `npm ci`.
 * Plain JavaScript that any Node from 18 on runs: this is what brings the newer one.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** @typedef {{ version?: string, resolved?: string, optional?: boolean, link?: boolean }} LockedPackage */
/** @typedef {{ packages?: Record<string, LockedPackage> }} Lockfile */

/**
 * Why the installed tree does not fit the lockfile, or undefined when it does. npm writes the list of what it installed as its
 * last step, so an install that was cut short has none. Optional packages may be missing: they are for other systems.
 * @param {Lockfile} wanted
 * @param {Lockfile | undefined} installed
 * @returns {string | undefined}
 */
export function findMisfit(wanted, installed) {
  if (!installed) return 'nothing is installed yet';
  const present = installed.packages ?? {};
  for (const [where, entry] of Object.entries(wanted.packages ?? {})) {
    if (where === '') continue;
    const name = where.slice(where.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const found = present[where];
    if (!found) {
      if (entry.optional) continue;
      return `${name} is missing`;
    }
    if (found.version !== entry.version) return `${name} is ${found.version}, package-lock.json says ${entry.version}`;
  }
  return undefined;
}

/**
 * @param {string} file
 * @returns {Lockfile | undefined}
 */
function readLockfile(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param {string} root Folder of the repository.
 * @returns {string | undefined}
 */
function whyInstall(root) {
  const wanted = readLockfile(path.join(root, 'package-lock.json'));
  if (!wanted) throw new Error(`${root}/package-lock.json is missing or not JSON`);
  return findMisfit(wanted, readLockfile(path.join(root, 'node_modules', '.package-lock.json')));
}

/**
 * Runs `npm ci` when it is needed.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @returns {boolean} false when npm failed; it has said why.
 */
export function ensureDependencies(root, env) {
  const why = whyInstall(root);
  if (why === undefined) return true;
  console.log(`Installing dependencies with npm ci, because ${why} (once, about 200 MB with a Node of its own) …`);
  // The project's own Node is about to be replaced, so the npm that does it must not run on it.
  const ownBin = path.join(root, 'node_modules', '.bin');
  const PATH = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.resolve(folder) !== ownBin);
  // NODE_ENV=production would leave the tools out, omit=optional the Node. The engine warning is about the old Node that runs npm.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawnSync('npm', args, {
    cwd: root,
    env: { ...env, PATH: PATH.join(path.delimiter) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (npm.status === 0) return true;
  console.error(npm.error ? `npm could not be started: ${npm.error.message}` : 'npm ci failed; see its message above.');
  return false;
}

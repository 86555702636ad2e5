/**
 * `npm run controlplane [-- --with node | gvisor | s3, or --only <program>]`: gets etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl
 * and helm, and says where they are; with `node` a kubelet too, with `gvisor` containerd 2, runsc and its shim, with
 * `s3` an S3 server for tests. Any Node from 18 on
 * runs this file.
 */
import { pathToFileURL } from 'node:url';
import { buildPrograms } from './controlplane/build.mjs';
import { findPrograms } from './controlplane/find.mjs';
import { controlPlaneNames, programs, programSets } from './controlplane/programs.mjs';

/**
 * @typedef {import('./controlplane/programs.mjs').ProgramName} ProgramName
 */

/**
 * Finds these programs, and builds those that are nowhere. Undefined when that failed; the reason has been printed.
 * @template {ProgramName} N
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly N[]} names
 * @returns {Promise<Partial<Record<N, string>> | undefined>}
 */
export async function ensurePrograms(env, names) {
  const { files, missing } = findPrograms(env, names);
  if (missing.length === 0) return files;
  return (await buildPrograms(missing, env)) ? findPrograms(env, names).files : undefined;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly ProgramName[]} [names] Default: all that a control plane consists of.
 * @returns {Promise<Partial<Record<ProgramName, string>> | undefined>} Undefined when that failed; the reason has been printed.
 */
export const ensureControlPlane = (env, names = controlPlaneNames) => ensurePrograms(env, names);

/**
 * @param {readonly string[]} args Of the command: `--with <sets>` besides the control plane, or `--only <programs>`, with commas
 *   between them; each may be given more than once.
 * @returns {readonly ProgramName[] | undefined} Undefined: they are not understood.
 */
export function parseWanted(args) {
  /** @type {Set<ProgramName>} */
  const names = new Set(args.some((arg) => arg.startsWith('--only')) ? [] : controlPlaneNames);
  const words = args.flatMap((arg) => arg.split('='));
  for (let i = 0; i < words.length; i += 2) {
    for (const word of (words[i + 1] ?? '').split(',')) {
      const found = programs.filter(({ set, name }) => word === (words[i] === '--only' ? name : set));
      if (!['--with', '--only'].includes(words[i] ?? '') || found.length === 0) return undefined;
      for (const { name } of found) names.add(name);
    }
  }
  return programs.map(({ name }) => name).filter((name) => names.has(name));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const names = parseWanted(process.argv.slice(2));
  if (!names)
    console.error(`Usage: npm run controlplane [-- --with ${programSets.slice(1).join(' | ')} | --only <program>,…]`);
  const files = names && (await ensurePrograms(process.env, names));
  for (const [name, file] of Object.entries(files ?? {})) console.log(`${name.padEnd(26)} ${file}`);
  process.exitCode = files ? 0 : names ? 1 : 2;
}

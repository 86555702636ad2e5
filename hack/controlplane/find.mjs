/** Where the programs of a real control plane and node are on this machine. Looks only; `build.mjs` makes what is missing. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { cachedFile, controlPlaneNames, programs, readPin } from './programs.mjs';

/** @typedef {import('./programs.mjs').Program} Program */
/** @typedef {import('./programs.mjs').ProgramName} ProgramName */

/** @typedef {import('./programs.mjs').ControlPlaneName} ControlPlaneName */

/**
 * @template {ProgramName} [N=ControlPlaneName]
 * @typedef {object} FoundPrograms
 * @property {Partial<Record<N, string>>} files Absolute path of each program that was found.
 * @property {readonly N[]} missing
 */

/** @typedef {FoundPrograms} FoundControlPlane */

/**
 * @param {string} file
 * @returns {boolean}
 */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Clients that a machine may have already: how to ask for their version. */
const versionQuestions = {
  kubectl: ['version', '--client', '--output=json'],
  helm: ['version', '--short'],
};

/**
 * Does a client of this version serve? kubectl may be one minor version away from the API server (Kubernetes' version skew policy,
 * https://kubernetes.io/releases/version-skew-policy/#kubectl); helm must be of major version 3.
 * @param {'kubectl' | 'helm'} name
 * @param {string} answer What it said about its version.
 * @param {string} pinned The version that would be built.
 * @returns {boolean}
 */
export function isRecentEnough(name, answer, pinned) {
  const [major, minor] = versionIn(answer);
  const [pinnedMajor, pinnedMinor] = versionIn(pinned);
  if (major === undefined || major !== pinnedMajor) return false;
  // helm 3.8 is the first in which registries and all that the chart uses are no longer experiments.
  return name === 'helm' ? (minor ?? 0) >= 8 : Math.abs((minor ?? 0) - (pinnedMinor ?? 0)) <= 1;
}

/**
 * @param {string} text
 * @returns {number[]} Major and minor; empty when there is no version in it.
 */
function versionIn(text) {
  return (/\bv(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
}

/**
 * @param {Program} program
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
function findOnPath(program, env) {
  const { name, module } = program;
  if (name !== 'kubectl' && name !== 'helm') return undefined;
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const file = folders.map((folder) => path.join(folder, name)).find(isExecutable);
  if (!file) return undefined;
  const { stdout } = spawnSync(file, versionQuestions[name], { env, encoding: 'utf8', timeout: 10_000 });
  return isRecentEnough(name, stdout ?? '', readPin(module).version) ? file : undefined;
}

/**
 * In this order: the folder that KUBEBUILDER_ASSETS names (as controller-runtime's envtest has it), the project's cache, the PATH.
 * @param {Program} program
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
function findProgram(program, env) {
  const assets = env['KUBEBUILDER_ASSETS'];
  const asset = assets && path.resolve(assets, program.name);
  return [asset, cachedFile(program, env)].find((file) => file && isExecutable(file)) ?? findOnPath(program, env);
}

/**
 * @template {ProgramName} N
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly N[]} names
 * @returns {FoundPrograms<N>}
 */
export function findPrograms(env, names) {
  /** @type {Partial<Record<ProgramName, string>>} */
  const files = {};
  for (const program of programs) {
    const file = names.some((name) => name === program.name) ? findProgram(program, env) : undefined;
    if (file) files[program.name] = file;
  }
  return { files, missing: names.filter((name) => !files[name]) };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {FoundPrograms}
 */
export const findControlPlane = (env) => findPrograms(env, controlPlaneNames);

/** Sources that are built with changes: patches beside a module's go.mod are put on a copy of the module that it pins. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { moduleFolder, readPin } from './programs.mjs';

/**
 * @typedef {object} PreparedModule
 * @property {readonly string[]} flags For `go build`.
 * @property {string | undefined} failure Why it cannot be built; undefined when it can.
 * @property {() => void} remove
 */

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} options
 * @returns {string} What it wrote; throws what it complained of.
 */
function call(program, args, options) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args[0]} ended with ${status}: ${String(stderr).trim()}`);
  return String(stdout);
}

/**
 * Puts a patch on the files below `folder`. Throws when any part of it does not fit: a patch that is no longer wanted is deleted by
 * hand, never passed over.
 * @param {string} folder
 * @param {string} patch
 */
export function applyPatch(folder, patch) {
  // Above a folder in a repository, git would take the patch's paths for those of the repository.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: path.dirname(folder), GIT_DIR: undefined };
  call('git', ['apply', '--verbose', '--whitespace=nowarn', path.resolve(patch)], { cwd: folder, env });
}

/**
 * @param {import('./programs.mjs').ModuleName} module
 * @returns {readonly string[]} Paths, in the order in which they are put on.
 */
export function listPatches(module) {
  const folder = moduleFolder(module);
  const names = readdirSync(folder).filter((name) => name.endsWith('.patch'));
  return names.sort().map((name) => path.join(folder, name));
}

/**
 * `-overlay` refuses files of Go's module cache, and a `replace` in go.mod itself would name a folder that nobody else has: so a
 * copy of the module, and a go.mod of the moment that leads there.
 * @param {import('./programs.mjs').ModuleName} module
 * @param {string} work
 * @param {{ go: string, env: NodeJS.ProcessEnv }} context
 * @returns {readonly string[]} Flags for `go build`.
 */
function patchCopy(module, work, { go, env }) {
  const folder = moduleFolder(module);
  const { path: pinned } = readPin(module);
  const { Dir } = JSON.parse(call(go, ['mod', 'download', '-json', pinned], { cwd: folder, env }));
  const copy = path.join(work, 'module');
  mkdirSync(copy);
  // Without its modes: the module cache is read-only.
  call('cp', ['-R', '--no-preserve=mode', `${Dir}/.`, copy], { env });
  for (const patch of listPatches(module)) applyPatch(copy, patch);
  for (const file of ['go.mod', 'go.sum']) copyFileSync(path.join(folder, file), path.join(work, file));
  const goMod = path.join(work, 'go.mod');
  call(go, ['mod', 'edit', `-replace=${pinned}=${copy}`, goMod], { cwd: folder, env });
  return [`-modfile=${goMod}`];
}

/**
 * @param {import('./programs.mjs').ModuleName} module
 * @param {{ go: string, env: NodeJS.ProcessEnv }} context
 * @returns {PreparedModule}
 */
export function prepareModule(module, context) {
  if (listPatches(module).length === 0) return { flags: [], failure: undefined, remove: () => undefined };
  const work = mkdtempSync(path.join(tmpdir(), `porthole-${module}-`));
  const remove = () => rmSync(work, { recursive: true, force: true });
  try {
    return { flags: patchCopy(module, work, context), failure: undefined, remove };
  } catch (error) {
    return {
      flags: [],
      failure: `${module} cannot be patched: ${error instanceof Error ? error.message : error}`,
      remove,
    };
  }
}

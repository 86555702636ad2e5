/** What `npm start`, `npm test` and `npm run verify` need before they can run: dependencies, a Node, a Chromium. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium } from './chromium.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { findNode } from './own-node.mjs';

/** Folder of the repository. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * @typedef {object} Prepared
 * @property {string} node Path of the Node to run the sources with.
 * @property {NodeJS.ProcessEnv} env For the program to be started: PORTHOLE_CHROMIUM is set, the project's tools are on the PATH.
 */

/**
 * Undefined when something is missing; the reason and the way out have been printed.
 * @param {{ env: NodeJS.ProcessEnv, withChromium: boolean }} options
 * @returns {Promise<Prepared | undefined>}
 */
export async function prepare({ env, withChromium }) {
  if (!ensureDependencies(root, env)) return undefined;
  const node = findNode(root);
  if (!node) return undefined;
  const PATH = [path.join(root, 'node_modules', '.bin'), env['PATH'] ?? ''].join(path.delimiter);
  if (!withChromium) return { node, env: { ...env, PATH } };
  const chromium = await ensureChromium(env);
  return chromium ? { node, env: { ...env, PATH, PORTHOLE_CHROMIUM: chromium } } : undefined;
}

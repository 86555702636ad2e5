/** Which Node runs the sources: they are TypeScript, run as they are. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The first major version that will do, from package.json's `engines`.
 * @param {string} root
 * @returns {number}
 */
function oldestMajor(root) {
  /** @type {{ engines: { node: string } }} */
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return Number.parseInt(manifest.engines.node.replace(/^\D+/, ''), 10);
}

/**
 * @param {{ runningVersion: string, oldest: number, hasOwn: boolean }} facts `runningVersion` as `process.versions.node`.
 * @returns {'running' | 'own' | 'none'}
 */
export function chooseNode({ runningVersion, oldest, hasOwn }) {
  if (Number.parseInt(runningVersion, 10) >= oldest) return 'running';
  return hasOwn ? 'own' : 'none';
}

/**
 * Path of the Node to run sources with, or undefined (and a sentence on stderr) when there is none.
 * @param {string} root
 * @returns {string | undefined}
 */
export function findNode(root) {
  const own = path.join(root, 'node_modules', '.bin', 'node');
  const oldest = oldestMajor(root);
  const choice = chooseNode({ runningVersion: process.versions.node, oldest, hasOwn: existsSync(own) });
  if (choice === 'running') return process.execPath;
  if (choice === 'own') return own;
  console.error(
    `Porthole needs Node ${oldest} or newer. It brings its own on Linux (x64, arm64 with glibc); this is ${process.platform} ` +
      `${process.arch} with Node ${process.versions.node}: install a newer Node and run the same command again.`,
  );
  return undefined;
}

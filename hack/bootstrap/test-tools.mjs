import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { installByApt } from './apt.mjs';

/**
 * Programs that some tests use besides Chromium, and where Debian has them. A test that needs one that is not there skips itself, or says
 * what it needs.
 * @type {readonly { readonly programs: readonly string[], readonly package: string }[]}
 */
const tools = [
  { programs: ['Xtigervnc', 'Xvnc'], package: 'tigervnc-standalone-server' },
  { programs: ['ffmpeg'], package: 'ffmpeg' },
  { programs: ['squid'], package: 'squid' },
  { programs: ['microsocks'], package: 'microsocks' },
  { programs: ['danted'], package: 'dante-server' },
  { programs: ['zip'], package: 'zip' },
];

/**
 * @param {string} name
 * @param {string} searchPath
 * @returns {boolean}
 */
function isOnPath(name, searchPath) {
  return searchPath.split(':').some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Debian packages of the tools that are not there.
 * @param {(program: string) => boolean} isThere
 * @returns {string[]}
 */
export function findMissingTools(isThere) {
  return tools.filter(({ programs }) => !programs.some(isThere)).map((tool) => tool.package);
}

/**
 * Installs what is missing where that is possible without asking: as root, with apt. Else says what to install.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<void>}
 */
export async function ensureTestTools(env) {
  const isThere = (/** @type {string} */ name) => isOnPath(name, `${env['PATH'] ?? ''}:/usr/bin:/usr/sbin`);
  const packages = findMissingTools(isThere);
  if (packages.length === 0) return;
  const isPossible = process.getuid?.() === 0 && isThere('apt-get');
  if (isPossible && (await installByApt(packages, env, 'Some tests need more'))) return;
  console.error(`Tests that need them will not run: install ${packages.join(', ')} (names of Debian's packages).`);
}

/** Finds Chromium, or installs it where that needs no question. */
import {
  accessSync,
  constants,
  existsSync,
  openSync,
  readSync,
  closeSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { installByApt } from './apt.mjs';
import { planChromium, sharedPlaywrightFolder } from './chromium-plan.mjs';

/** @typedef {import('./chromium-plan.mjs').Candidate} Candidate */
/** @typedef {import('./chromium-plan.mjs').ChromiumFacts} ChromiumFacts */

const namesOnPath = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
function findOnPath(name, env) {
  for (const folder of (env['PATH'] ?? '').split(path.delimiter)) {
    const file = path.join(folder, name);
    if (path.isAbsolute(folder) && existsSync(file)) return file;
  }
  return undefined;
}

/**
 * Newest first. https://playwright.dev/docs/browsers#managing-browser-binaries
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function findInPlaywrightCaches(env) {
  const home = env['HOME'] ?? homedir();
  const caches = [env['PLAYWRIGHT_BROWSERS_PATH'], path.join(home, '.cache', 'ms-playwright'), sharedPlaywrightFolder];
  return caches.flatMap((cache) => {
    if (!cache || !existsSync(cache)) return [];
    const builds = readdirSync(cache).filter((name) => /^chromium-\d+$/.test(name));
    builds.sort((a, b) => Number(b.slice('chromium-'.length)) - Number(a.slice('chromium-'.length)));
    return builds.flatMap((build) =>
      ['chrome-linux64', 'chrome-linux'].map((system) => path.join(cache, build, system, 'chrome')).filter(existsSync),
    );
  });
}

/**
 * The first folder or file on the way to `file` whose mode bits keep other users out; undefined when there is none.
 * @param {string} file Absolute, without symbolic links.
 * @returns {string | undefined}
 */
export function whereOthersStop(file) {
  const { root } = path.parse(file);
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return at;
    if (at === root) break;
  }
  return (statSync(file).mode & 0o005) === 0o005 ? undefined : file;
}

/**
 * Is this, or does this script start, the snap? (Ubuntu's /usr/bin/chromium-browser is such a script.)
 * @param {string} file
 * @param {string} real
 * @returns {boolean}
 */
function isSnap(file, real) {
  if (file.startsWith('/snap/') || real.endsWith('/bin/snap')) return true;
  const head = Buffer.alloc(2048);
  const fd = openSync(real, 'r');
  const length = readSync(fd, head, 0, head.length, 0);
  closeSync(fd);
  const text = head.toString('latin1', 0, length);
  return text.startsWith('#!') && text.includes('/snap/bin/chromium');
}

/**
 * Why `file` cannot serve as the browser of a sandbox, or undefined when it can.
 * @param {string} file
 * @param {boolean} isRoot Then sandboxes run as another user, who must be able to execute it.
 * @returns {string | undefined}
 */
export function whyUnfit(file, isRoot) {
  try {
    const real = realpathSync(file);
    if (!statSync(real).isFile()) return 'is not a file';
    accessSync(real, constants.X_OK);
    if (isSnap(file, real)) return 'is a snap, which is shut off from the folders and users that sandboxes need';
    const stop = isRoot ? whereOthersStop(real) : undefined;
    return stop && `cannot be run by the unprivileged user of a sandbox (${stop} keeps others out)`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'EACCES' ? 'is not executable' : 'does not exist';
  }
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {boolean} isRoot
 * @returns {Candidate[]}
 */
export function findCandidates(env, isRoot) {
  const check = (/** @type {string} */ file, /** @type {Candidate['source']} */ source) => {
    const unfit = whyUnfit(file, isRoot);
    return unfit === undefined ? { file, source } : { file, source, unfit };
  };
  const named = env['PORTHOLE_CHROMIUM'];
  if (named !== undefined) return [check(named, 'PORTHOLE_CHROMIUM')];
  const onPath = namesOnPath.map((name) => findOnPath(name, env)).filter((file) => file !== undefined);
  return [
    ...onPath.map((file) => check(file, 'PATH')),
    ...findInPlaywrightCaches(env).map((file) => check(file, 'Playwright')),
  ];
}

/**
 * @param {string} osRelease Text of /etc/os-release: https://www.freedesktop.org/software/systemd/man/latest/os-release.html
 * @returns {string[]}
 */
export function readDistribution(osRelease) {
  const value = (/** @type {string} */ key) => new RegExp(`^${key}=["']?([^"'\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  return [...value('ID').split(' '), ...value('ID_LIKE').split(' ')].filter((word) => word !== '');
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {ChromiumFacts}
 */
function gatherFacts(env) {
  const isRoot = process.getuid?.() === 0;
  return {
    candidates: findCandidates(env, isRoot),
    isRoot,
    distribution: existsSync('/etc/os-release') ? readDistribution(readFileSync('/etc/os-release', 'utf8')) : [],
    hasApt: findOnPath('apt-get', env) !== undefined,
    hasXvnc: findOnPath('Xvnc', env) !== undefined,
    hasFfmpeg: findOnPath('ffmpeg', env) !== undefined,
  };
}

/**
 * Path of a Chromium that sandboxes can run; undefined when there is none, after saying what to do.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string | undefined>}
 */
export async function ensureChromium(env) {
  const plan = planChromium(gatherFacts(env));
  if (plan.do === 'use') return plan.file;
  if (plan.do === 'apt' && (await installByApt(plan.packages, env))) {
    const after = planChromium({ ...gatherFacts(env), hasApt: false });
    if (after.do === 'use') return after.file;
    if (after.do === 'tell') console.error(after.why);
    return undefined;
  }
  if (plan.do === 'tell')
    console.error(`${plan.why}\nInstall it with:\n\n  ${plan.command}\n\nand run the same command again.`);
  return undefined;
}

/** Builds what is missing of a control plane or a node from Go modules at pinned versions. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { prepareModule } from './patched-module.mjs';
import { cachedFile, moduleFolder, programs, readPin } from './programs.mjs';

/** @typedef {import('./programs.mjs').Program} Program */
/** @typedef {import('./programs.mjs').ProgramName} ProgramName */
/** @typedef {import('./programs.mjs').ModuleName} ModuleName */

/**
 * Arguments of `go`, without the output file. Unless they are told, Kubernetes' programs call themselves v0.0.0 and clients take
 * them for ancient.
 * @param {Program} program
 * @param {string} version
 * @returns {string[]}
 */
export function buildArguments({ module, goPackage }, version) {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const stamps = {
    etcd: [],
    helm: [`helm.sh/helm/v3/internal/version.version=${version}`],
    kubernetes: [
      `k8s.io/component-base/version.gitVersion=${version}`,
      `k8s.io/component-base/version.gitMajor=${major}`,
      `k8s.io/component-base/version.gitMinor=${minor}`,
      `k8s.io/client-go/pkg/version.gitVersion=${version}`,
    ],
    containerd: [`github.com/containerd/containerd/v2/version.Version=${version}`],
    gvisor: [`gvisor.dev/gvisor/runsc/version.version=${version}`],
    versitygw: [`main.Version=${version}`],
  };
  const ldflags = ['-s', '-w', ...stamps[module].flatMap((stamp) => ['-X', stamp])].join(' ');
  return ['build', '-trimpath', '-ldflags', ldflags, goPackage];
}

/**
 * Is Go `version` (as `go1.26.8`) older than `oldest` (as `1.26.0`)?
 * @param {string} version
 * @param {string} oldest
 * @returns {boolean}
 */
export function isGoOlder(version, oldest) {
  const numbers = (/** @type {string} */ text) => (text.match(/\d+/g) ?? []).slice(0, 3).map(Number);
  const [major = 0, minor = 0, patch = 0] = numbers(version);
  const [oldestMajor = 0, oldestMinor = 0, oldestPatch = 0] = numbers(oldest);
  return (major - oldestMajor || minor - oldestMinor || patch - oldestPatch) < 0;
}

/** From this version on, Go fetches a newer Go when a module asks for one: https://go.dev/doc/toolchain */
const selfRenewing = '1.21';

/**
 * Why this Go cannot build, or undefined when it can.
 * @param {{ version?: string, mayFetch: boolean }} go `version` is undefined where there is no Go; `mayFetch`: GOTOOLCHAIN lets it
 *   fetch a newer one.
 * @param {string} oldest
 * @returns {string | undefined}
 */
export function whyGoUnfit({ version, mayFetch }, oldest) {
  if (version === undefined) return 'Go is not installed';
  if (!isGoOlder(version, oldest)) return undefined;
  return mayFetch && !isGoOlder(version, selfRenewing) ? undefined : `${version} is too old (${oldest} is needed)`;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ file: string, version?: string, mayFetch: boolean }}
 */
function findGo(env) {
  // Where Go's own archive puts it, which is on the PATH of login shells only.
  for (const file of ['go', '/usr/local/go/bin/go']) {
    const { status, stdout } = spawnSync(file, ['env', 'GOVERSION', 'GOTOOLCHAIN'], {
      env,
      encoding: 'utf8',
      cwd: '/',
    });
    if (status !== 0) continue;
    const [version = '', toolchain = ''] = stdout.split('\n');
    return { file, version, mayFetch: /(^|\+)(auto|path)$/.test(toolchain) };
  }
  return { file: 'go', mayFetch: false };
}

/**
 * @param {number} seconds
 * @returns {string}
 */
function formatSeconds(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** How long a build takes here, in seconds: the linker and large packages keep it from getting faster with many cores. */
const estimate = (/** @type {Program} */ { buildSeconds }) =>
  Math.ceil((buildSeconds * 2) / Math.min(8, Math.max(1, availableParallelism())));

const reportEveryMs = 15_000;

/**
 * A line now and then for logs, one that is written over for people.
 * @param {Program} program
 * @returns {{ end(how: string): void }}
 */
function showProgress(program) {
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const isTerminal = process.stdout.isTTY;
  const line = () =>
    `  building ${program.name}: ${formatSeconds(elapsed())} of about ${formatSeconds(estimate(program))}`;
  if (isTerminal) process.stdout.write(line());
  else console.log(line());
  const timer = setInterval(
    () => (isTerminal ? process.stdout.write(`\r\x1b[K${line()}`) : console.log(line())),
    isTerminal ? 1_000 : reportEveryMs,
  );
  return {
    end: (how) => {
      clearInterval(timer);
      console.log(`${isTerminal ? '\r\x1b[K' : ''}  ${how} ${program.name} (${formatSeconds(elapsed())})`);
    },
  };
}

/**
 * @param {string} go
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<string | undefined>} What went wrong; undefined when nothing did.
 */
function runGo(go, args, options) {
  const child = spawn(go, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  /** @type {string[]} */
  let said = [];
  child.stderr?.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => (said = [...said, chunk].slice(-50)));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `${said.join('')}go ended with ${code ?? signal}`),
    );
  });
}

/**
 * Whole or not at all: others may look for the program meanwhile, or build the same.
 * @param {Program} program
 * @param {{ go: string, env: NodeJS.ProcessEnv, flags: readonly string[] }} context
 * @returns {Promise<boolean>}
 */
async function buildProgram(program, { go, env, flags }) {
  const file = cachedFile(program, env);
  const unfinished = `${file}.${process.pid}.new`;
  const [verb = '', ...rest] = buildArguments(program, readPin(program.module).version);
  mkdirSync(path.dirname(file), { recursive: true });
  const progress = showProgress(program);
  try {
    const failure = await runGo(go, [verb, ...flags, '-o', unfinished, ...rest], {
      cwd: moduleFolder(program.module),
      env,
    });
    progress.end(failure === undefined ? 'built' : 'FAILED');
    if (failure === undefined) renameSync(unfinished, file);
    else console.error(failure);
    return failure === undefined;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/**
 * Those of one module, one after the other.
 * @param {ModuleName} module
 * @param {readonly Program[]} wanted
 * @param {{ go: string, env: NodeJS.ProcessEnv }} context
 * @returns {Promise<boolean>}
 */
async function buildModule(module, wanted, { go, env }) {
  const goEnv = { ...env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly' };
  const prepared = prepareModule(module, { go, env: goEnv });
  try {
    if (prepared.failure !== undefined) console.error(prepared.failure);
    if (prepared.failure !== undefined) return false;
    for (const program of wanted) {
      if (!(await buildProgram(program, { go, env: goEnv, flags: prepared.flags }))) return false;
    }
    return true;
  } finally {
    prepared.remove();
  }
}

/**
 * Builds these, one after the other. False when one failed; the reason has been printed.
 * @param {readonly ProgramName[]} names
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<boolean>}
 */
export async function buildPrograms(names, env) {
  const wanted = programs.filter(({ name }) => names.includes(name));
  const go = findGo(env);
  const oldest = wanted.map(({ module }) => readPin(module).go).reduce((a, b) => (isGoOlder(a, b) ? b : a), '0');
  const unfit = whyGoUnfit(go, oldest);
  if (unfit !== undefined) {
    console.error(
      `${names.join(', ')} must be built, and ${unfit}. Install Go ${oldest} or newer (https://go.dev/dl/), or set ` +
        'KUBEBUILDER_ASSETS to a folder that holds the programs, and run the same command again.',
    );
    return false;
  }
  const seconds = wanted.reduce((sum, program) => sum + estimate(program), 0);
  console.log(`Building ${names.join(', ')} with ${go.version} (once, about ${formatSeconds(seconds)}) …`);
  for (const module of new Set(wanted.map((program) => program.module))) {
    const ofModule = wanted.filter((program) => program.module === module);
    if (!(await buildModule(module, ofModule, { go: go.file, env }))) return false;
  }
  return true;
}

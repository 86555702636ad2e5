import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * A sentence for a line of apt's status channel (`dlstatus:<n>:<percent>:<text>`, `pmstatus:<package>:<percent>:<text>`).
 * https://salsa.debian.org/apt-team/apt/-/blob/main/doc/progress-reporting.md
 * @param {string} line
 * @returns {{ percent: number, text: string } | undefined}
 */
export function readAptStatus(line) {
  const [kind, , percent, ...text] = line.split(':');
  if (kind !== 'dlstatus' && kind !== 'pmstatus') return undefined;
  // Downloading and installing each run to 100: show them as the halves of one bar.
  const half = Number(percent) / 2;
  return { percent: Math.round(kind === 'dlstatus' ? half : 50 + half), text: text.join(':').trim() };
}

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<boolean>}
 */
function aptGet(args, env) {
  const isTerminal = process.stdout.isTTY;
  const options = ['-q', '-o', 'APT::Status-Fd=3', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3'];
  const child = spawn('apt-get', [...options, ...args], {
    // dpkg wants the system folders on the PATH and must not stop to ask questions.
    env: { ...env, PATH: `${env['PATH']}:/usr/sbin:/sbin`, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  /** @type {string[]} */
  const lastLines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: /** @type {import('node:stream').Readable} */ (stream) }).on('line', (line) => {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
    });
  }
  const status = /** @type {import('node:stream').Readable} */ (child.stdio[3]);
  createInterface({ input: status }).on('line', (line) => {
    const seen = readAptStatus(line);
    if (seen && isTerminal) process.stdout.write(`\r\x1b[K  ${seen.percent} % ${seen.text}`.slice(0, 90));
  });
  return new Promise((resolve) => {
    const done = (/** @type {string | undefined} */ failure) => {
      if (isTerminal) process.stdout.write('\r\x1b[K');
      if (failure) console.error([...lastLines, `apt-get ${args.join(' ')} failed: ${failure}`].join('\n'));
      resolve(!failure);
    };
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(code === 0 ? undefined : `exit ${code ?? signal}`));
  });
}

/**
 * Installs Debian packages with one line of progress. False when it failed, after saying why.
 * @param {readonly string[]} packages
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [why]
 * @returns {Promise<boolean>}
 */
export async function installByApt(packages, env, why = 'Chromium is not installed') {
  const began = Date.now();
  console.log(`${why}: installing ${packages.join(', ')} with apt-get (once, a minute or two) …`);
  const isDone =
    (await aptGet(['update'], env)) && (await aptGet(['install', '-y', '--no-install-recommends', ...packages], env));
  if (isDone) console.log(`Installed ${packages.join(', ')} in ${Math.round((Date.now() - began) / 1000)} s.`);
  return isDone;
}

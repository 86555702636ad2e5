import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAptStatus } from '../../hack/bootstrap/apt.mjs';
import { planChromium, type ChromiumFacts } from '../../hack/bootstrap/chromium-plan.mjs';
import { findCandidates, readDistribution, whereOthersStop, whyUnfit } from '../../hack/bootstrap/chromium.mjs';
import { findMisfit } from '../../hack/bootstrap/dependencies.mjs';
import { chooseNode } from '../../hack/bootstrap/own-node.mjs';

let base = '';
beforeEach(() => {
  base = realpathSync(mkdtempSync(path.join(tmpdir(), 'porthole-bootstrap-')));
  chmodSync(base, 0o755);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function makeFile(file: string, text: string, mode = 0o755): string {
  const full = path.join(base, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
  chmodSync(full, mode);
  return full;
}

describe('findMisfit', () => {
  const wanted = {
    packages: {
      '': { version: '0.1.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b/node_modules/@x/c': { version: '2.0.0' },
      'node_modules/d': { version: '1.0.0', optional: true },
    },
  };
  const { 'node_modules/d': _, ...complete } = wanted.packages;
  it.each([
    ['complete but for what is optional', { packages: complete }, undefined],
    ['an install cut short', undefined, 'nothing is installed yet'],
    ['a missing package', { packages: { 'node_modules/a': { version: '1.0.0' } } }, '@x/c is missing'],
    [
      'another version',
      { packages: { ...complete, 'node_modules/a': { version: '0.9.0' } } },
      'a is 0.9.0, package-lock.json says 1.0.0',
    ],
    [
      'another version of what is optional',
      { packages: { ...complete, 'node_modules/d': { version: '0.9.0' } } },
      'd is 0.9.0, package-lock.json says 1.0.0',
    ],
  ])('%s', (_name, installed, expected) => {
    expect(findMisfit(wanted, installed)).toBe(expected);
  });
});

describe('chooseNode', () => {
  it.each([
    ['26.10.0', true, 'running'],
    ['24.0.0', false, 'running'],
    ['22.19.0', true, 'own'],
    ['18.0.0', true, 'own'],
    ['20.20.2', false, 'none'],
  ])('Node %s, own one %s: %s', (runningVersion, hasOwn, expected) => {
    expect(chooseNode({ runningVersion, oldest: 24, hasOwn })).toBe(expected);
  });
});

describe('planChromium', () => {
  const bare: ChromiumFacts = {
    candidates: [],
    isRoot: true,
    distribution: ['debian'],
    hasApt: true,
    hasXvnc: false,
    hasFfmpeg: true,
  };
  const onPath = { file: '/usr/bin/chromium', source: 'PATH' } as const;
  const cached = { file: '/c/chrome', source: 'Playwright' } as const;
  const named = { file: '/x', source: 'PORTHOLE_CHROMIUM' } as const;

  it.each([
    ['takes the first that fits', { candidates: [onPath, cached] }, { do: 'use', file: '/usr/bin/chromium' }],
    [
      'passes over one that does not',
      { candidates: [{ ...onPath, unfit: 'is a snap' }, cached] },
      { do: 'use', file: '/c/chrome' },
    ],
    ['takes the one that is named', { candidates: [named] }, { do: 'use', file: '/x' }],
    [
      'installs by apt as root on Debian, with Xvnc',
      {},
      { do: 'apt', packages: ['chromium', 'fonts-liberation', 'tigervnc-standalone-server'] },
    ],
    [
      'installs no Xvnc where there is one',
      { hasXvnc: true },
      { do: 'apt', packages: ['chromium', 'fonts-liberation'] },
    ],
    [
      'installs what records where there is none',
      { hasXvnc: true, hasFfmpeg: false },
      { do: 'apt', packages: ['chromium', 'fonts-liberation', 'ffmpeg'] },
    ],
    [
      'installs by apt on what is like Debian',
      { distribution: ['raspbian', 'debian'], hasXvnc: true },
      { do: 'apt', packages: ['chromium', 'fonts-liberation'] },
    ],
  ])('%s', (_name, facts: Partial<ChromiumFacts>, expected) => {
    expect(planChromium({ ...bare, ...facts })).toEqual(expected);
  });

  it.each([
    [
      'an ordinary user on Debian',
      { isRoot: false },
      'sudo apt-get install -y --no-install-recommends chromium fonts-liberation tigervnc-standalone-server ffmpeg',
    ],
    [
      'root on Ubuntu, whose package is a snap',
      { distribution: ['ubuntu', 'debian'] },
      'PLAYWRIGHT_BROWSERS_PATH=/opt/ms-playwright npx playwright-core install --with-deps chromium',
    ],
    [
      'a user on Ubuntu',
      { distribution: ['ubuntu', 'debian'], isRoot: false },
      'npx playwright-core install --with-deps chromium',
    ],
    [
      'root on Fedora',
      { distribution: ['fedora'], hasApt: false },
      'dnf install -y chromium tigervnc-server-minimal ffmpeg-free',
    ],
    [
      'a user on Arch',
      { distribution: ['arch'], hasApt: false, isRoot: false },
      'sudo pacman -S --noconfirm chromium tigervnc ffmpeg',
    ],
    ['a user elsewhere', { distribution: [], hasApt: false, isRoot: false }, 'npx playwright-core install chromium'],
    [
      'Debian without apt',
      { hasApt: false },
      'apt-get install -y --no-install-recommends chromium fonts-liberation tigervnc-standalone-server ffmpeg',
    ],
  ])('tells %s the one command', (_name, facts: Partial<ChromiumFacts>, command) => {
    expect(planChromium({ ...bare, ...facts })).toMatchObject({ do: 'tell', command });
  });

  it('says why the ones found will not do', () => {
    const plan = planChromium({ ...bare, isRoot: false, candidates: [{ ...onPath, unfit: 'is a snap' }] });
    expect(plan).toMatchObject({ do: 'tell', why: expect.stringContaining('/usr/bin/chromium is a snap.') as string });
  });

  it('never replaces the one that is named by another', () => {
    const plan = planChromium({ ...bare, candidates: [{ ...named, unfit: 'does not exist' }, onPath] });
    expect(plan).toMatchObject({ do: 'tell', why: 'PORTHOLE_CHROMIUM names /x, which does not exist.' });
  });
});

describe('findCandidates', () => {
  it('looks on the PATH, then for the newest of Playwright, wherever its cache is', () => {
    const chromium = makeFile('bin/chromium', '#!/bin/sh\n');
    const older = makeFile('home/.cache/ms-playwright/chromium-999/chrome-linux/chrome', 'elf');
    const newer = makeFile('home/.cache/ms-playwright/chromium-1200/chrome-linux64/chrome', 'elf');
    makeFile('home/.cache/ms-playwright/chromium_headless_shell-1200/chrome-linux64/chrome', 'elf');
    const elsewhere = makeFile('browsers/chromium-1/chrome-linux/chrome', 'elf');
    const env = {
      PATH: `relative:${path.join(base, 'bin')}`,
      HOME: path.join(base, 'home'),
      PLAYWRIGHT_BROWSERS_PATH: path.join(base, 'browsers'),
    };
    const found = findCandidates(env, false);
    expect(found.map((c) => c.file).filter((file) => file.startsWith(base))).toEqual([
      chromium,
      elsewhere,
      newer,
      older,
    ]);
    expect(found.every((c) => c.unfit === undefined)).toBe(true);
  });

  it('looks nowhere else when one is named', () => {
    makeFile('bin/chromium', '#!/bin/sh\n');
    expect(findCandidates({ PATH: path.join(base, 'bin'), PORTHOLE_CHROMIUM: '/nowhere' }, false)).toEqual([
      { file: '/nowhere', source: 'PORTHOLE_CHROMIUM', unfit: 'does not exist' },
    ]);
  });
});

describe('whyUnfit', () => {
  it('finds a snap behind its script', () => {
    const file = makeFile(
      'chromium-browser',
      '#!/bin/sh\nif ! [ -x /snap/bin/chromium ]; then exit 1; fi\nexec /snap/bin/chromium "$@"\n',
    );
    expect(whyUnfit(file, false)).toContain('is a snap');
  });

  it.each([
    [0o644, false, 'is not executable'],
    [0o700, false, undefined],
    [0o700, true, 'cannot be run by the unprivileged user'],
    [0o755, true, undefined],
  ])('with mode %o, root %s: %s', (mode, isRoot, expected) => {
    const answer = whyUnfit(makeFile('chrome', 'elf', mode), isRoot);
    if (expected === undefined) expect(answer).toBeUndefined();
    else expect(answer).toContain(expected);
  });

  it('follows links to what others cannot reach', () => {
    const hidden = makeFile('root/.cache/chrome', 'elf');
    chmodSync(path.join(base, 'root'), 0o700);
    const link = path.join(base, 'chromium');
    symlinkSync(hidden, link);
    expect(whereOthersStop(hidden)).toBe(path.join(base, 'root'));
    expect(whyUnfit(link, true)).toContain(`${path.join(base, 'root')} keeps others out`);
    expect(whyUnfit(link, false)).toBeUndefined();
  });

  it('refuses a folder', () => {
    expect(whyUnfit(base, false)).toBe('is not a file');
  });
});

describe('readDistribution', () => {
  it.each([
    ['ID=debian\nVERSION_ID="12"\n', ['debian']],
    ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', ['ubuntu', 'debian']],
    ['ID="linuxmint"\nID_LIKE="ubuntu debian"\n', ['linuxmint', 'ubuntu', 'debian']],
    ['', []],
  ])('%j', (text, expected) => {
    expect(readDistribution(text)).toEqual(expected);
  });
});

describe('readAptStatus', () => {
  it.each([
    ['dlstatus:1:50.0:Retrieving file 3 of 85', { percent: 25, text: 'Retrieving file 3 of 85' }],
    ['pmstatus:chromium:50.0:Unpacking chromium (amd64)', { percent: 75, text: 'Unpacking chromium (amd64)' }],
    ['pmerror:chromium:50.0:bad', undefined],
  ])('%s', (line, expected) => {
    expect(readAptStatus(line)).toEqual(expected);
  });
});

/** The files as a clone has them, with node_modules linked, a `main.ts` that only tells what it got, and a PATH of our own. */
describe('npm start', () => {
  const repository = path.resolve(import.meta.dirname, '../..');
  const aptLog = (): string => readFileSync(path.join(base, 'apt.log'), 'utf8');

  function makeClone(): void {
    for (const file of ['package.json', 'package-lock.json', 'hack']) {
      cpSync(path.join(repository, file), path.join(base, 'clone', file), { recursive: true });
    }
    symlinkSync(path.join(repository, 'node_modules'), path.join(base, 'clone', 'node_modules'));
    makeFile(
      'clone/src/cmd/main.ts',
      `export async function runMain(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
        console.log(JSON.stringify({ argv, chromium: env['PORTHOLE_CHROMIUM'] }));
        return 7;
      }
      `,
    );
    makeFile('bin/node', `#!/bin/sh\nexec ${process.execPath} "$@"\n`);
  }

  function start(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [path.join(base, 'clone/hack/start.mjs'), ...args], {
      encoding: 'utf8',
      env: { PATH: path.join(base, 'bin'), HOME: base, ...env },
    });
  }

  it('runs embedded mode with the Chromium found, arguments and exit code passed on', () => {
    makeClone();
    const chromium = makeFile('bin/chromium', '#!/bin/sh\n');
    const { status, stdout } = start(['--api-port', '0']);
    expect(JSON.parse(stdout)).toEqual({ argv: ['embedded', '--api-port', '0'], chromium });
    expect(status).toBe(7);
  });

  it.each([['--chromium'], ['--chromium=']])('takes the Chromium of %s over the environment', (flag) => {
    makeClone();
    const named = makeFile('opt/chrome', 'elf');
    const args = flag.endsWith('=') ? [`${flag}${named}`] : [flag, named];
    const { stdout } = start(args, { PORTHOLE_CHROMIUM: '/nowhere' });
    expect(JSON.parse(stdout)).toMatchObject({ chromium: named });
  });

  it('answers --help without Chromium', () => {
    makeClone();
    const { stdout, stderr } = start(['--help']);
    expect(JSON.parse(stdout)).toEqual({ argv: ['embedded', '--help'] });
    expect(stderr).toBe('');
  });

  it('refuses a Chromium that is named and does not exist, and says the one command', () => {
    makeClone();
    const { status, stderr } = start([], { PORTHOLE_CHROMIUM: '/nowhere' });
    expect(status).toBe(1);
    expect(stderr).toContain('PORTHOLE_CHROMIUM names /nowhere, which does not exist.');
    expect(stderr).toContain('chromium');
  });

  const isRootOnDebian =
    process.getuid?.() === 0 &&
    existsSync('/etc/os-release') &&
    readDistribution(readFileSync('/etc/os-release', 'utf8'))[0] === 'debian';

  it.runIf(isRootOnDebian)('installs Chromium by apt where there is none, without questions', () => {
    makeClone();
    makeFile(
      'bin/apt-get',
      `#!/bin/sh
      echo "$DEBIAN_FRONTEND $*" >> ${base}/apt.log
      echo "pmstatus:chromium:50.0:Installing chromium" >&3
      case "$*" in *install*) /bin/cp /bin/true ${base}/bin/chromium ;; esac
      `,
    );
    const { stdout, status } = start([]);
    expect(stdout).toContain('installing chromium, fonts-liberation, tigervnc-standalone-server, ffmpeg with apt-get');
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      chromium: path.join(base, 'bin/chromium'),
    });
    expect(status).toBe(7);
    const [update, install] = aptLog().trim().split('\n');
    expect(update).toMatch(/^noninteractive .* update$/);
    expect(install).toMatch(
      /^noninteractive .* install -y --no-install-recommends chromium fonts-liberation tigervnc-standalone-server ffmpeg$/,
    );
  });

  it.runIf(isRootOnDebian)('says what apt said when it fails', () => {
    makeClone();
    makeFile('bin/apt-get', '#!/bin/sh\necho "E: no network" >&2\nexit 100\n');
    const { status, stderr } = start([]);
    expect(status).toBe(1);
    expect(stderr).toContain('E: no network');
    expect(stderr).toContain('apt-get update failed: exit 100');
  });

  it('installs dependencies when they do not fit, saying why, and says so when npm fails', () => {
    makeClone();
    rmSync(path.join(base, 'clone', 'node_modules'));
    makeFile('bin/npm', '#!/bin/sh\necho "npm ran: $*"\nexit 1\n');
    const { status, stdout, stderr } = start([]);
    expect(status).toBe(1);
    expect(stdout).toContain('because nothing is installed yet');
    expect(stdout).toContain('npm ran: ci --include=dev --include=optional');
    expect(stderr).toContain('npm ci failed');
  });
});

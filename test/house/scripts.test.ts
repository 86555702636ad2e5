import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadYaml } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { findPrograms } from '../../hack/controlplane/find.mjs';

const repository = path.resolve(import.meta.dirname, '../..');

const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: repository,
  encoding: 'utf8',
});
const scripts = listed.split('\n').filter((file) => file.endsWith('.sh') || file === '.ci/run');
const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

describe.each(scripts)('%s', (file) => {
  it('is a script that bash understands', () => {
    expect(spawnSync('bash', ['-n', file], { cwd: repository, encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  // https://www.shellcheck.net: not everybody has it; .ci/run does.
  it.skipIf(!hasShellcheck)('has nothing that shellcheck minds', () => {
    const { status, stdout } = spawnSync('shellcheck', ['--shell=bash', file], { cwd: repository, encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});

function kind(...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['hack/kind/kind.sh', ...args], {
    cwd: repository,
    encoding: 'utf8',
  });
  return { status, said: `${stdout}${stderr}` };
}

/** The commands that a dry run shows, without their folders. */
const commandsOf = (said: string): readonly string[] =>
  said
    .split('\n')
    .filter((line) => line.startsWith('+ '))
    .map((line) => line.slice(2).replace(/^\/\S*\//, ''));

describe('npm run kind', () => {
  it.each([
    [['--runtime', 'docker'], 'There is no runtime docker'],
    [['--runtime'], '--runtime needs a value'],
    [['--name', 'Not a name'], 'is no name for a kind cluster'],
    [['--fast'], 'Usage:'],
  ])('%j is refused', (args, why) => {
    const { status, said } = kind(...args);
    expect(said).toContain(why);
    expect(status).toBe(2);
  });

  it('shows what it would do, from the first command to the last, and does nothing', () => {
    const { status, said } = kind('--dry-run', '--runtime', 'runc', '--name=trial');
    expect(status).toBe(0);
    const order = [
      /^kind create cluster --name trial /,
      /^docker build --file images\/porthole.Containerfile --tag localhost\/porthole:\d/,
      /^kind load docker-image localhost\/porthole:\S+ --name trial/,
      /^docker build --file images\/porthole-sandbox.Containerfile /,
      /^kind load docker-image localhost\/porthole-sandbox:/,
      /apply --server-side .*-f charts\/porthole\/crds/,
      /upgrade --install porthole charts\/porthole /,
      /^npx vitest run --project scenario /,
      /^kind delete cluster --name trial /,
    ];
    const commands = commandsOf(said);
    const places = order.map((pattern) => commands.findIndex((command) => pattern.test(command)));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('says loudly when nothing but the kernel is between a page and this host', () => {
    const notice = 'sandboxes share the kernel with everything else on this host';
    expect(kind('--dry-run', '--runtime', 'runc').said).toContain(notice);
    expect(kind('--dry-run', '--runtime', 'kata').said).not.toContain(notice);
  });

  it('runs stories that there are', () => {
    const tests = commandsOf(kind('--dry-run', '--runtime', 'runc').said).find((line) => line.startsWith('npx')) ?? '';
    const named = tests.split(' ').filter((word) => word.startsWith('test/scenario/'));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !isStory(name))).toEqual([]);
  });

  it('leaves the cluster, and says how to reach it, with --keep', () => {
    const { said } = kind('--dry-run', '--runtime', 'runc', '--keep', '--without-tests');
    const commands = commandsOf(said);
    expect(commands.some((command) => command.startsWith('kind delete'))).toBe(false);
    expect(commands.some((command) => command.startsWith('npx'))).toBe(false);
    expect(said).toContain('export PORTHOLE_API_URL=http://127.0.0.1:18080');
  });

  it.each([
    ['kata', 'kata'],
    ['gvisor', 'runsc'],
    ['runc', 'runc'],
  ])('tells the chart of %s, in values that it takes', (runtime, handler) => {
    const { said } = kind('--dry-run', '--runtime', runtime);
    const text = /^image: [^]*?^account: .*$/m.exec(said)?.[0] ?? '';
    expect(loadYaml(text)).toMatchObject({
      runtimeClass: { create: true, name: runtime, handler },
      seccompProfile: { install: { enabled: runtime === 'runc' } },
      pool: { runtimeClassName: runtime, imagePullPolicy: 'Never' },
    });
    const { helm } = findPrograms(process.env, ['helm']).files;
    if (helm === undefined) return;
    const chart = ['template', 'porthole', 'charts/porthole', '--namespace', 'porthole-system'];
    const values = text.replace('…', '0'.repeat(64));
    const args = [...chart, '--kube-version', '1.35.0', '--values', '-'];
    const { status, stderr } = spawnSync(helm, args, { cwd: repository, input: values, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('reaches the programs by the ports that kind opens', () => {
    const { said } = kind('--dry-run', '--runtime', 'runc');
    const services = readFileSync(path.join(repository, 'hack/kind/node-ports.yaml'), 'utf8');
    const opened = [...said.matchAll(/containerPort: (\d+)/g)].map(([, port]) => port);
    expect(opened).toHaveLength(2);
    expect([...services.matchAll(/nodePort: (\d+)/g)].map(([, port]) => port)).toEqual(opened);
  });
});

function isStory(name: string): boolean {
  return listed.split('\n').includes(`${name}.test.ts`);
}

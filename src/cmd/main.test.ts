import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readVersion } from './version.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

function porthole(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...argv], { encoding: 'utf8', env: { HOME: '/nowhere', ...env } });
}

describe('porthole', () => {
  it.each([[['--version']], [['embedded', '--version']]])('%j prints the version', (argv) => {
    expect(porthole(argv)).toMatchObject({ status: 0, stdout: `${readVersion()}\n`, stderr: '' });
  });

  it.each([
    [['--help'], 'Roles:'],
    [['embedded', '--help'], 'PORTHOLE_API_PORT'],
    [['operator', '--help'], 'PORTHOLE_EGRESS_DENY_PORTS'],
    [['facade', '-h'], 'PORTHOLE_CREATE_DEADLINE_MS'],
    [['gateway', '--help'], 'PORTHOLE_DRAIN_MS'],
    [['node', '--help'], 'PORTHOLE_NODE_NAME'],
    [['embedded', '--api-port', 'x', '--help'], 'PORTHOLE_API_PORT'],
  ])('%j helps', (argv, text) => {
    const { status, stdout, stderr } = porthole(argv);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(text);
  });

  it.each([
    [[], 'Usage: porthole <role>'],
    [['gatewya'], 'There is no role "gatewya".'],
    [['gateway', '--api-port', '1'], '--api-port is unknown'],
    [['embedded', '--api-prot', '1'], '--api-prot is unknown; did you mean --api-port?'],
    [['embedded', '--host', ''], '--host: "" is not allowed; give an IP address or host name of this machine.'],
  ])('%j is refused with a sentence and exit code 2', (argv, sentence) => {
    const { status, stdout, stderr } = porthole(argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(sentence);
  });

  it.each(['operator', 'facade', 'gateway', 'node'])('%s needs a way to an API server', (role) => {
    const { status, stderr } = porthole([role]);
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: expect.stringMatching(/^porthole \w+: There is no way to an API server: .*KUBECONFIG.*\n$/) as string,
    });
    const file = '/nowhere/kubeconfig';
    expect(porthole([role], { KUBECONFIG: file })).toMatchObject({
      status: 3,
      stderr: expect.stringContaining(file) as string,
    });
  });

  it('refuses a variable that does not exist', () => {
    expect(porthole(['embedded'], { PORTHOLE_PROT: '1' })).toMatchObject({
      status: 2,
      stderr: 'PORTHOLE_PROT is unknown; did you mean PORTHOLE_HOST?\n',
    });
  });
});

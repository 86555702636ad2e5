import { describe, expect, it } from 'vitest';
import { parseClusterConfig } from './parse-cluster-config.ts';

const home = { HOME: '/home/ada' };

const parse = (argv: readonly string[], env: Record<string, string> = {}): unknown => {
  const answer = parseClusterConfig(argv, { ...home, ...env });
  return answer.ok ? answer.config : answer.problems;
};

describe('parseClusterConfig', () => {
  it('has the defaults of embedded mode, and a folder of its own', () => {
    expect(parse([])).toMatchObject({
      clusterDir: '/home/ada/.local/share/porthole-cluster',
      useExistingCluster: 'no',
      apiPort: 8080,
      gatewayPort: 8081,
      metricsPort: 9090,
      warmMin: 1,
      warmMax: 4,
      maxSandboxes: 20,
    });
  });

  it.each([
    [['--use-existing-cluster']],
    [['--use-existing-cluster', '--log-level', 'warn']],
    [['--use-existing-cluster', 'yes']],
    [['--use-existing-cluster=yes']],
  ])('takes %j for yes', (argv) => {
    expect(parse(argv, { KUBECONFIG: '/k' })).toMatchObject({ useExistingCluster: 'yes', kubeconfig: '/k' });
  });

  it.each([
    [{ PORTHOLE_CLUSTER_DIR: './here' }, { clusterDir: './here' }],
    [{ PORTHOLE_WARM_MIN: '6' }, { warmMin: 6, warmMax: 6 }],
    [
      { PORTHOLE_API_PORT: '0', PORTHOLE_GATEWAY_PORT: '0' },
      { apiPort: 0, gatewayPort: 0 },
    ],
  ])('reads %j', (env, expected) => {
    expect(parse([], env)).toMatchObject(expected);
  });

  it.each([
    [[], { node: 'process', runtime: 'runc' }],
    [['--node', 'kubelet'], { node: 'kubelet', runtime: 'runc' }],
    [['--runtime', 'runc'], { node: 'kubelet', runtime: 'runc' }],
    [['--runtime=gvisor'], { node: 'kubelet', runtime: 'gvisor' }],
  ])('takes %j for a node', (argv, expected) => {
    expect(parse(argv)).toMatchObject(expected);
  });

  it.each([
    [['--node', 'process', '--runtime', 'gvisor'], 'PORTHOLE_RUNTIME (gvisor) is of a kubelet'],
    [['--use-existing-cluster', '--node', 'kubelet'], 'has its own nodes'],
    [['--use-existing-cluster', '--runtime', 'runc'], 'has its own nodes'],
    [['--runtime', 'kata'], '"kata" is not allowed; give one of runc, gvisor.'],
  ])('refuses %j', (argv, problem) => {
    expect(parse(argv)).toEqual([expect.stringContaining(problem)]);
  });

  it.each([
    [{ PORTHOLE_CLUSTER_DIRR: 'x' }, 'PORTHOLE_CLUSTER_DIRR is unknown; did you mean PORTHOLE_CLUSTER_DIR?'],
    [{ PORTHOLE_WARM_MIN: '3', PORTHOLE_WARM_MAX: '2' }, 'PORTHOLE_WARM_MIN (3) may not be above'],
    [{ PORTHOLE_USE_EXISTING_CLUSTER: 'maybe' }, '"maybe" is not allowed; give one of no, yes.'],
  ])('refuses %j', (env, problem) => {
    expect(parse([], env)).toEqual([expect.stringContaining(problem)]);
  });
});

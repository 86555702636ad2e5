import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartValues } from '../../hack/cluster/install.ts';
import { processSpec } from '../../hack/cluster/process-specs.ts';
import { parseHierarchies } from '../../hack/node/cgroups.ts';
import { cniConfig, containerdConfig, kubeletArguments, kubeletConfig } from '../../hack/node/node-files.ts';
import { buildPauseLayer, buildPauseProgram } from '../../hack/node/pause-image.ts';
import { parseClusterConfig, type ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';

/** What a real node is told, and what a cluster with one is. */

function configOf(...argv: string[]): ClusterConfig {
  const parsed = parseClusterConfig(argv, { HOME: '/h' });
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.config;
}

describe('parseHierarchies', () => {
  it('tells the two versions of cgroups apart, also where both are', () => {
    const mounts = [
      'tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0',
      'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0',
      'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0',
      '',
    ];
    expect(parseHierarchies(mounts.join('\n'))).toEqual([
      { folder: '/sys/fs/cgroup/memory', version: 1 },
      { folder: '/sys/fs/cgroup/unified', version: 2 },
    ]);
  });
});

describe('the pause image', () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'porthole-pause-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has one file, which is a program of the machine and waits', () => {
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const layer = join(folder, 'layer.tar');
    writeFileSync(layer, buildPauseLayer(architecture));
    const listed = execFileSync('tar', ['-tvf', layer, '--numeric-owner'], { encoding: 'utf8' });
    expect(listed).toMatch(/^-rwxr-xr-x 0\/0\s+\d+ .* pause\n$/);
    execFileSync('tar', ['-xf', layer, '-C', folder]);
    // It neither fails nor ends: `timeout` says 124 when it had to end it.
    expect(() => execFileSync('timeout', ['1', join(folder, 'pause')])).toThrow(
      expect.objectContaining({ status: 124 }),
    );
  });

  it.each(['amd64', 'arm64'] as const)('is an executable for %s', (architecture) => {
    const program = buildPauseProgram(architecture);
    expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(program.readUInt16LE(18)).toBe({ amd64: 62, arm64: 183 }[architecture]);
    expect(program.readBigUInt64LE(24)).toBe(0x40_0000n + 120n);
  });
});

describe('what a node is told', () => {
  const place = { dir: '/n', cniPlugins: '/plugins' };

  it('containerd of the distribution knows runc only, the newer one gVisor too', () => {
    expect(containerdConfig('runc', place)).toContain('version = 2');
    expect(containerdConfig('runc', place)).not.toContain('runsc');
    const newer = containerdConfig('gvisor', place);
    expect(newer).toContain('version = 3');
    expect(newer).toContain('runtime_type = "io.containerd.runsc.v1"');
    for (const text of [containerdConfig('runc', place), newer]) {
      expect(text).toContain('"localhost/porthole-pause:1"');
      expect(text).toContain('root = "/n/containerd"');
      expect(text).toContain('"/plugins"');
    }
  });

  it('the kubelet has a cgroup and folders of its own, keeps images, and lets nobody in without a name', () => {
    const settings = { dir: '/n', cgroup: 'porthole-node-x', clientAuthority: '/ca' };
    expect(kubeletConfig(settings)).toMatchObject({
      cgroupRoot: '/porthole-node-x',
      podLogsDir: '/n/pod-logs',
      authentication: { anonymous: { enabled: false }, x509: { clientCAFile: '/ca' } },
      authorization: { mode: 'Webhook' },
      imageGCHighThresholdPercent: 100,
      address: '10.88.0.1',
    });
    const args = kubeletArguments({ program: '/kubelet', dir: '/n', nodeName: 'a' });
    expect(args).toEqual(
      expect.arrayContaining(['--root-dir=/n/kubelet', '--hostname-override=a', '--node-ip=10.88.0.1']),
    );
  });

  it('Pods get addresses that are forgotten with the node', () => {
    expect(JSON.stringify(cniConfig)).toContain('"dataDir":"/run/porthole/addresses"');
  });
});

describe('a cluster with a real node', () => {
  const publicUrls = { cdp: 'ws://h:1', live: 'http://h:1/live' };
  const valuesOf = (...argv: string[]): object =>
    chartValues({ config: configOf(...argv), apiKey: 'k', publicUrls, sandboxImage: 'localhost/x:1' });

  it.each([
    ['runc', 'runc'],
    ['gvisor', 'runsc'],
  ])('with --runtime %s has a class of the handler %s, which pools ask for', (runtime, handler) => {
    expect(valuesOf('--runtime', runtime)).toMatchObject({
      runtimeClass: { create: true, name: runtime, handler },
      pool: { runtimeClassName: runtime, image: 'localhost/x:1', imagePullPolicy: 'Never' },
    });
  });

  it('lets pages reach the node where they would have reached loopback, and nothing where that is closed', () => {
    expect(valuesOf('--node', 'kubelet')).toMatchObject({ pool: { egressAllow: ['10.88.0.1/32'] } });
    const more = ['--node', 'kubelet', '--egress-allow', '127.0.0.1/32,192.168.0.0/16'];
    expect(valuesOf(...more)).toMatchObject({ pool: { egressAllow: ['10.88.0.1/32', '192.168.0.0/16'] } });
    expect(valuesOf('--node', 'kubelet', '--egress-allow', '')).toMatchObject({ pool: { egressAllow: [] } });
  });

  it("runs Porthole's processes in the node's network, and hangs up on Pods", () => {
    const ports = { api: 1, gateway: 2, metrics: { operator: 3, facade: 4, gateway: 5, node: 6 } };
    const network = { inNetwork: (argv: readonly string[]) => ['enter', ...argv], podCidr: '10.88.0.0/24' };
    const settings = {
      dir: '/c',
      config: configOf('--node', 'kubelet'),
      ports,
      apiServerPort: 7,
      chromium: '',
      environment: {},
      network,
    };
    const facade = processSpec('facade', settings);
    expect(facade.argv.slice(0, 2)).toEqual(['enter', process.execPath]);
    expect(facade.env).toMatchObject({ PORTHOLE_REFUSE_PEERS: '10.88.0.0/24', PORTHOLE_HOST: '127.0.0.1' });
    expect(processSpec('operator', settings).env).not.toHaveProperty('PORTHOLE_EGRESS_DENY_PORTS');
  });
});

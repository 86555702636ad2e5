import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { announceCluster, type AnnouncedCluster } from '../../hack/cluster/announcement.ts';
import {
  apiServerArguments,
  controllerManagerArguments,
  etcdArguments,
  formatTokenFile,
  schedulerArguments,
} from '../../hack/cluster/control-plane-arguments.ts';
import { findFreePorts } from '../../hack/cluster/free-port.ts';
import { chartValues } from '../../hack/cluster/install.ts';
import { formatKubeconfig } from '../../hack/cluster/kubeconfig.ts';
import { startProcess, type ManagedProcess } from '../../hack/cluster/managed-process.ts';
import { portholeRoles, processSpec, publicUrls } from '../../hack/cluster/process-specs.ts';
import { sweepProcesses } from '../../hack/cluster/sweep-processes.ts';
import { parseClusterConfig, type ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import {
  parseFacadeConfig,
  parseGatewayConfig,
  parseNodeConfig,
  parseOperatorConfig,
} from '../../src/cmd/config/parse-process-config.ts';
import { patience } from '../support/patience.ts';

function configOf(env: Record<string, string> = {}): ClusterConfig {
  const parsed = parseClusterConfig([], { HOME: '/home/ada', ...env });
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.config;
}

describe('the control plane', () => {
  const settings = { dir: '/c', port: 6443, audit: false, more: [] };

  it('listens to this machine only, and etcd to nobody but who may enter its folder', () => {
    expect(etcdArguments().filter((arg) => arg.includes('listen'))).toEqual([
      '--listen-client-urls=unix://client.sock:0',
      '--listen-peer-urls=unix://peer.sock:0',
    ]);
    expect(apiServerArguments(settings)).toContain('--bind-address=127.0.0.1');
    for (const args of [controllerManagerArguments('/c'), schedulerArguments('/c')]) {
      expect(args).toContain('--secure-port=0');
    }
  });

  it('authorizes nodes as nodes, and admits what real clusters admit', () => {
    const args = apiServerArguments(settings);
    expect(args).toContain('--authorization-mode=Node,RBAC');
    expect(args).toContain('--enable-admission-plugins=NodeRestriction,PodSecurity');
  });

  it('logs who asks only when that is wanted, and lets further arguments count more', () => {
    expect(apiServerArguments(settings).join(' ')).not.toContain('audit');
    const args = apiServerArguments({ ...settings, audit: true, more: ['--etcd-compaction-interval=1s'] });
    expect(args).toContain('--audit-log-path=/c/logs/audit.log');
    expect(args.at(-1)).toBe('--etcd-compaction-interval=1s');
  });

  it('knows people by tokens', () => {
    const users = [{ name: 'system:node:a', groups: ['system:nodes', 'x'], token: 't' }];
    expect(formatTokenFile(users)).toBe('t,system:node:a,system:node:a,"system:nodes,x"\n');
  });
});

describe('formatKubeconfig', () => {
  it('has one context with all in it', () => {
    const text = formatKubeconfig({ server: 'https://h:1', ca: 'PEM', token: 't', user: 'ada', namespace: 'n' });
    expect(JSON.parse(text)).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'porthole',
      contexts: [{ name: 'porthole', context: { cluster: 'porthole', user: 'ada', namespace: 'n' } }],
      clusters: [{ name: 'porthole', cluster: { server: 'https://h:1', 'certificate-authority-data': 'UEVN' } }],
      users: [{ name: 'ada', user: { token: 't' } }],
    });
  });
});

describe('chartValues', () => {
  const urls = { cdp: 'ws://h:1', live: 'http://h:1/live' };

  it('hold the settings and a hash of the key, never the key', () => {
    const env = { PORTHOLE_WARM_MIN: '2', PORTHOLE_MAX_SANDBOXES: '7', PORTHOLE_MAX_CONCURRENT_SESSIONS: '3' };
    const values = chartValues({ config: configOf(env), apiKey: 'secret', publicUrls: urls });
    expect(values).toMatchObject({
      workloads: { enabled: false },
      publicUrls: urls,
      runtimeClass: { create: true, name: 'kata', handler: 'local-process' },
      pool: { runtimeClassName: 'kata', warm: { min: 2, max: 4 }, maxSandboxes: 7 },
      account: {
        maxConcurrentSessions: 3,
        apiKeyHashes: ['2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'],
      },
    });
    expect(JSON.stringify(values)).not.toContain('"secret"');
  });

  it('send sandboxes to the local node, and nothing else there, in a cluster of somebody else', () => {
    const config = configOf({ PORTHOLE_USE_EXISTING_CLUSTER: 'yes' });
    expect(chartValues({ config, apiKey: 'k', publicUrls: urls })).toMatchObject({
      runtimeClass: {
        name: 'porthole-local',
        nodeSelector: { 'kubernetes.io/hostname': 'porthole-local' },
        tolerations: [{ key: 'porthole.dev/local-processes', operator: 'Exists', effect: 'NoSchedule' }],
      },
      pool: { runtimeClassName: 'porthole-local' },
    });
  });
});

describe('processSpec', () => {
  const ports = { api: 1001, gateway: 1002, metrics: { operator: 1003, facade: 1004, gateway: 1005, node: 1006 } };
  const settings = {
    dir: '/c',
    config: configOf({ PORTHOLE_HOST: '0.0.0.0', PORTHOLE_STARTUP_DEADLINE_MS: '7000' }),
    ports,
    apiServerPort: 1007,
    chromium: '/chromium',
    environment: { PATH: '/bin', HOME: '/home/ada', SECRET: 'x', PORTHOLE_API_KEY: 'x' },
  };
  const around = (env: Readonly<Record<string, string>>) => ({ argv: [], env, ownNamespace: undefined, hostName: 'h' });
  const parsers = {
    operator: parseOperatorConfig,
    facade: parseFacadeConfig,
    gateway: parseGatewayConfig,
    node: parseNodeConfig,
  };

  it.each(portholeRoles)('gives %s an environment that it understands, and no key', (role) => {
    const { env, argv } = processSpec(role, settings);
    expect(argv.at(-1)).toBe(role);
    expect(Object.values(env)).not.toContain('x');
    expect(parsers[role](around(env))).toMatchObject({
      ok: true,
      config: { kubeconfig: `/c/kubeconfigs/${role}`, namespace: 'porthole', metricsPort: ports.metrics[role] },
    });
  });

  it('closes every port of Porthole and of the API server to pages', () => {
    const { env } = processSpec('operator', settings);
    const denied = env['PORTHOLE_EGRESS_DENY_PORTS']?.split(',').map(Number).sort();
    expect(denied).toEqual([1001, 1002, 1003, 1004, 1005, 1006, 1007]);
  });

  it('lets a POST wait longer than a sandbox may take', () => {
    expect(processSpec('facade', settings).env['PORTHOLE_CREATE_DEADLINE_MS']).toBe('12000');
  });

  it('tells callers an address that can be dialled', () => {
    expect(publicUrls(settings.config, ports)).toEqual({
      cdp: 'ws://127.0.0.1:1002',
      live: 'http://127.0.0.1:1002/live',
    });
  });
});

describe('announceCluster', () => {
  const cluster: AnnouncedCluster = {
    apiUrl: 'http://h:1',
    gatewayUrl: 'http://h:2',
    metricsUrl: 'http://h:3',
    apiKey: 'k',
    dir: '/c',
    kubeconfig: "/my folder's/kubeconfig",
    kubectl: '/tools/kubectl',
    searchPath: '/bin:/usr/bin',
    usesExisting: false,
    sandboxes: 'process',
    readyAfterMs: 1234,
  };

  it('quotes what a shell would take apart', () => {
    expect(announceCluster(cluster)).toContain(`export KUBECONFIG='/my folder'\\''s/kubeconfig'\n`);
  });

  it('puts kubectl on the PATH unless it is there', () => {
    expect(announceCluster(cluster)).toContain('export PATH=/tools:"$PATH"');
    expect(announceCluster({ ...cluster, searchPath: '/bin:/tools' })).not.toContain('export PATH');
  });
});

describe('findFreePorts', () => {
  it('gives different ones', async () => {
    expect(new Set(await findFreePorts(5)).size).toBe(5);
  });
});

describe('a managed process', () => {
  let dir = '';
  const started: ManagedProcess[] = [];
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'porthole-managed-'));
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((process) => process.stop()));
    rmSync(dir, { recursive: true, force: true });
  });

  function startShell(script: string, more: { supervised?: boolean; graceMs?: number } = {}): ManagedProcess {
    const argv = ['/bin/sh', '-c', script];
    const process = startProcess(dir, { name: 'p', argv, cwd: dir, env: { PATH: '/bin' }, graceMs: 5_000, ...more });
    started.push(process);
    return process;
  }

  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  const log = (): string => readFileSync(path.join(dir, 'logs', 'p.log'), 'utf8');
  const pidInFile = (): number => Number(readFileSync(path.join(dir, 'pids', 'p'), 'utf8'));

  it('writes its pid and its log, and takes the pid away when it has been stopped', async () => {
    const running = startShell('echo "I am $$"; exec sleep 60');
    await vi.waitFor(() => expect(log()).toBe(`I am ${running.pid}\n`), patience);
    expect(pidInFile()).toBe(running.pid);
    await running.stop();
    expect(isAlive(running.pid)).toBe(false);
    expect(existsSync(path.join(dir, 'pids', 'p'))).toBe(false);
  });

  it('is ended the hard way when it does not want to, and even when it stands still', async () => {
    const stubborn = startShell('trap "" TERM; echo up; while :; do sleep 1; done', { graceMs: 50 });
    await vi.waitFor(() => expect(log()).toBe('up\n'), patience);
    stubborn.pause();
    await stubborn.stop();
    expect(stubborn.isRunning).toBe(false);
  });

  it('stays down after a kill until it is started again', async () => {
    const running = startShell('exec sleep 60', { supervised: true });
    const first = running.pid;
    await running.kill();
    expect([running.isRunning, isAlive(first)]).toEqual([false, false]);
    running.start();
    expect(pidInFile()).toBe(running.pid);
    expect(running.pid).not.toBe(first);
  });

  it('comes back by itself when somebody else ends it and it is supervised', async () => {
    const running = startShell('exec sleep 60', { supervised: true });
    const first = running.pid;
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect([running.isRunning, running.starts]).toEqual([true, 2]), patience);
    expect(pidInFile()).not.toBe(first);
  });

  it('dies with the process that started it, even by SIGKILL', async () => {
    const module = path.resolve(import.meta.dirname, '../../hack/cluster/managed-process.ts');
    const code = `import { startProcess } from ${JSON.stringify(module)};
      const spec = { name: 'p', argv: ['/bin/sleep', '60'], cwd: '/', env: {}, graceMs: 1 };
      console.log(startProcess(${JSON.stringify(dir)}, spec).pid);
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    expect(isAlive(pid)).toBe(true);
    // setpriv has to have told the kernel.
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/^\/bin\/sleep/), patience);
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience);
  });

  describe('left behind', () => {
    const leave = (pid: number, birth: object): void => {
      mkdirSync(path.join(dir, 'pids'), { recursive: true });
      writeFileSync(path.join(dir, 'pids', 'p'), `${pid}\n`);
      writeFileSync(path.join(dir, 'pids', '.p'), JSON.stringify({ pid, ...birth }));
    };

    it('is swept at the next start', async () => {
      const running = startShell('exec sleep 60');
      await sweepProcesses(dir, ['p']);
      await vi.waitFor(() => expect(running.isRunning).toBe(false), patience);
      expect(existsSync(path.join(dir, 'pids', 'p'))).toBe(false);
    });

    it.each([
      [
        'of another start time',
        { startTicks: 1, bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() },
      ],
      ['of another boot', { startTicks: 1, bootId: 'another' }],
      ['without a start time', {}],
    ])('is let alone when it is somebody else: %s', async (_what, birth) => {
      leave(process.pid, birth);
      await sweepProcesses(dir, ['p', 'q']);
      expect(existsSync(path.join(dir, 'pids', 'p'))).toBe(false);
    });
  });
});

import { spawn, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTools, type Tools } from '../../hack/cluster/tools.ts';
import { imagesFolder } from '../../hack/images/build.ts';
import { ensureImage } from '../../hack/images/ensure.ts';
import { withFolder } from '../../hack/node/folders.ts';
import { listenInNetwork } from '../../hack/node/forwarder.ts';
import { inNetworkOf } from '../../hack/node/machine.ts';
import { nodeNetwork } from '../../hack/node/network.ts';
import { inside, nodeFiles } from '../../hack/node/node-files.ts';
import { findOnSystem } from '../../hack/node/requirements.mjs';
import { createApiClient, type ApiClient } from '../support/api-client.ts';
import { findBinaries } from '../support/control-plane.ts';
import { freePort } from '../support/free-port.ts';
import { missingForNode } from '../support/node-machine.ts';
import { startNodeWorld, type NodeWorld } from '../support/node-world.ts';
import { relay } from '../support/other-networks.ts';
import { startPageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';

/*
 * The chart as people install it: operator, facade and gateway in Pods of their own image, with no more than what the cluster gives a Pod. It is
 * a release of its own beside that of the launcher, whose programs run outside of the cluster.
 */

const why = missingForNode('runc');
if (why !== undefined) process.stderr.write(`LEFT OUT: test/node/workloads.test.ts: ${why}\n`);

const system = 'pods-system';
const sessions = 'pods';
const apiKey = 'the-key-of-a-test-and-of-nobody-else';
/** Of the Service `kubernetes`: what Pods find the API server under. No kube-proxy here leads on from it. */
const serviceAddress = '10.96.0.1';

/** The image of the programs, which the launcher has no need of, among those of the node. */
async function importImage({ node }: NodeWorld): Promise<void> {
  const { env } = process;
  const progress = (): void => undefined;
  const archive = await withFolder(imagesFolder(env), () => ensureImage('porthole', { env, progress }));
  const ctr = [findOnSystem('ctr') ?? 'ctr', '--address', inside.containerdSocket, '--namespace', 'k8s.io'];
  const machine = [`--target=${node.pid}`, '--net', '--mount', '--pid', '--'];
  execFileSync('nsenter', [...machine, ...ctr, 'images', 'import', archive], { stdio: 'pipe' });
}

/** As kube-proxy would: the API server at the address of its Service. */
async function serveApi({ node, server }: NodeWorld, stack: AsyncDisposableStack): Promise<void> {
  const inNetwork = (argv: readonly string[]): readonly string[] => inNetworkOf(node.pid, argv);
  const [program = '', ...args] = inNetwork([
    'ip',
    'address',
    'add',
    `${serviceAddress}/32`,
    'dev',
    nodeNetwork.bridge,
  ]);
  execFileSync(program, args);
  const listening = await listenInNetwork(inNetwork, { host: serviceAddress, port: 443 });
  stack.defer(() => void listening.close());
  relay(listening, Number(new URL(server).port));
}

/** `kubectl port-forward`, until disposed. Resolves when it listens. */
async function forward({ kubeconfig }: NodeWorld, service: string, ports: string): Promise<AsyncDisposable> {
  const args = [`--kubeconfig=${kubeconfig}`, '--namespace', system, 'port-forward', `service/${service}`, ports];
  const child = spawn(findBinaries().kubectl, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => ['it ended']),
  ])) as readonly string[];
  if (!line?.startsWith('Forwarding from')) throw new Error(`${service} is not forwarded: ${line ?? ''}`);
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await exited;
    },
  };
}

describe.runIf(why === undefined)('the chart, with its programs in Pods', () => {
  const stack = new AsyncDisposableStack();
  let world: NodeWorld;
  let tools: Tools;
  let api: ApiClient;
  let profile: string;
  const inSystem = (...args: readonly string[]): Promise<string> => tools.kubectl(['--namespace', system, ...args]);

  beforeAll(async () => {
    world = stack.use(await startNodeWorld({ runtime: 'runc', warm: { min: 0, max: 0 } }));
    await importImage(world);
    await serveApi(world, stack);
    tools = createTools({ binaries: findBinaries(), kubeconfig: world.kubeconfig, cacheDir: join(world.dir, 'cache') });
    // As on a node that nobody has prepared.
    profile = join(world.node.dir, nodeFiles.seccompProfile);
    rmSync(profile);
    const [apiPort, gatewayPort] = [await freePort(), await freePort()];
    const values = {
      image: { pullPolicy: 'Never' },
      sessions: { namespace: sessions },
      publicUrls: { cdp: `ws://127.0.0.1:${gatewayPort}`, live: `http://127.0.0.1:${gatewayPort}/live` },
      // Of the whole cluster, and there already.
      rbac: { userRoles: false },
      seccompProfile: { install: { enabled: true, kubeletRootDir: join(world.node.dir, nodeFiles.kubelet) } },
      operator: { resources: { requests: { cpu: '10m' } } },
      facade: { resources: { requests: { cpu: '10m' } } },
      gateway: { resources: { requests: { cpu: '10m' } }, terminationGracePeriodSeconds: 10 },
      pool: {
        imagePullPolicy: 'Never',
        runtimeClassName: 'runc',
        warm: { min: 1, max: 1 },
        startupDeadlineMs: 120_000,
        egressAllow: [`${nodeNetwork.address}/32`],
        resources: { requests: { cpu: '50m', memory: '256Mi' } },
      },
      account: { apiKeyHashes: [createHash('sha256').update(apiKey).digest('hex')] },
    };
    const file = join(world.dir, 'workloads.json');
    await writeFile(file, JSON.stringify(values), { mode: 0o600 });
    const where = ['--namespace', system, '--create-namespace', '--skip-crds', '--values', file];
    await tools
      .helm(['install', 'porthole', 'charts/porthole', ...where, '--wait', '--timeout', '240s'])
      .catch(async (error: unknown) => {
        throw new Error(`${await inSystem('get', 'pods', '--output=wide')}\n${await inSystem('get', 'events')}`, {
          cause: error,
        });
      });
    await rm(file);
    stack.use(await forward(world, 'porthole-facade', `${apiPort}:8080`));
    stack.use(await forward(world, 'porthole-gateway', `${gatewayPort}:8081`));
    api = createApiClient(`http://127.0.0.1:${apiPort}`, apiKey);
  });
  afterAll(() => stack.disposeAsync());

  test('has put the seccomp profile on the node, and a pool that is Ready', async () => {
    expect(existsSync(profile)).toBe(true);
    const pool = ['--namespace', sessions, 'wait', 'browserpool/default', '--for=condition=Ready', '--timeout=120s'];
    await tools.kubectl(pool);
  });

  test('a session by REST, driven by Playwright, and nothing of it left', async () => {
    await using pages = await startPageServer(world.pageHost);
    const { id, cdpUrl } = await api.create();
    const browser = await chromium.connectOverCDP(cdpUrl);
    const page = await browser.newPage();
    await page.goto(`${pages.url}pods`);
    expect(await page.title()).toBe('Page /pods');
    await browser.close();
    await api.end(id);
    const claimed = ['get', 'pods', '--namespace', sessions, '--selector=porthole.dev/session-uid', '--output=name'];
    await vi.waitFor(async () => expect(await tools.kubectl(claimed)).toBe(''), patience);
  });

  test('its leader killed, the other replica takes over, and a session does not notice', async () => {
    const { id, cdpUrl } = await api.create();
    const lease = ['get', 'lease', 'porthole-operator', '--output=jsonpath={.spec.holderIdentity}'];
    const leader = await inSystem(...lease);
    expect(leader).toContain('porthole-operator-');
    const [pod = ''] = leader.split('_');
    await inSystem('delete', 'pod', pod, '--grace-period=0', '--force');
    await vi.waitFor(async () => expect(await inSystem(...lease)).not.toBe(leader), patience);
    expect(await api.statusOf(id)).toBe(200);
    const browser = await chromium.connectOverCDP(cdpUrl);
    expect(await browser.contexts()[0]?.pages()[0]?.evaluate('6 * 7')).toBe(42);
    await browser.close();
    await api.end(id);
    await vi.waitFor(async () => expect(await api.statusOf(id)).toBe(404), patience);
  });

  test('its programs run as nobody in particular, on a file system that they cannot write to', async () => {
    for (const component of ['operator', 'facade', 'gateway']) {
      const node = (script: string): Promise<string> =>
        inSystem('exec', `deployment/porthole-${component}`, '--', 'node', '--eval', script);
      expect(await node('console.log(process.getuid())')).toBe('65532\n');
      const written = `require('node:fs').writeFileSync('/tmp/x', '')`;
      expect(await node(`try { ${written} } catch ({ code }) { console.log(code) }`)).toBe('EROFS\n');
    }
  });

  test('uninstalled, it leaves no Pod', async () => {
    // The lines of docs/operations.md.
    await tools.kubectl(['--namespace', sessions, 'delete', 'browsersessions,browserpools', '--all']);
    await tools.helm(['uninstall', 'porthole', '--namespace', system, '--wait', '--timeout', '120s']);
    const left = async (namespace: string): Promise<string> =>
      tools.kubectl(['get', 'pods', '--namespace', namespace, '--output=name', '--ignore-not-found']);
    await vi.waitFor(async () => expect([await left(system), await left(sessions)]).toEqual(['', '']), patience);
  });
});

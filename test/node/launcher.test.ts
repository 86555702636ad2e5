import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chromium } from 'playwright-core';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { parseHierarchies } from '../../hack/node/cgroups.ts';
import { nodeCache } from '../../hack/node/folders.ts';
import { startNodeWorld, type NodeWorld } from '../support/node-world.ts';
import { startPageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';
import { descendantsOf, listProcesses, stillRunning } from '../support/process-table.ts';
import { missingForNode } from '../support/node-machine.ts';

const why = missingForNode('runc');
if (why !== undefined) process.stderr.write(`LEFT OUT: test/node/launcher.test.ts: ${why}\n`);

const statusShape = z.object({
  conditions: z.array(z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() })),
  sandbox: z.object({ podName: z.string() }),
});

const sysctls = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'net/ipv4/ip_forward',
];

/** Of one process. Browsers of others on this machine come and go with theirs. */
function readNamespaces(pid: number): readonly string[] {
  return ['net', 'mnt', 'pid'].flatMap((kind) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/${kind}`)];
    } catch {
      return []; // it ended while we looked
    }
  });
}

function listCgroups(): readonly string[] {
  const tops = parseHierarchies(readFileSync('/proc/self/mounts', 'utf8')).map(({ folder }) => folder);
  return tops.flatMap((top) => readdirSync(top, { withFileTypes: true }).map(({ name }) => join(top, name))).sort();
}

/** What of this machine a node might change. */
function readMachine(): object {
  return {
    mounts: readFileSync('/proc/self/mounts', 'utf8').split('\n').sort(),
    links: Object.keys(networkInterfaces()).sort(),
    sysctls: sysctls.map((name) => readFileSync(`/proc/sys/${name}`, 'utf8')),
  };
}

/** Where a node might leave something. Others may come and go there meanwhile, other nodes too. */
function listPlaces(): readonly string[] {
  const folders = ['/run', '/run/netns', '/var/lib', '/var/log', join(nodeCache(process.env), 'run')];
  const inside = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);
  return [...listCgroups(), ...folders.flatMap((folder) => inside(folder).map((name) => join(folder, name)))];
}

/** Folders and cgroups of nodes are called after each other; one that this test has not started is somebody else's. */
function isOfAnotherNode(place: string, { node }: NodeWorld): boolean {
  const own = basename(node.dir);
  return /^(porthole-)?node-\w{6}$/.test(basename(place)) && !place.endsWith(own);
}

async function createFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'porthole-node-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

async function titleOfPage(world: NodeWorld): Promise<string> {
  await using server = await startPageServer(world.pageHost);
  const session = await world.api.create();
  const browser = await chromium.connectOverCDP(session.cdpUrl);
  const page = await browser.newPage();
  await page.goto(`${server.url}real`);
  const title = await page.title();
  await browser.close();
  await world.api.end(session.id);
  return title;
}

describe.runIf(why === undefined)('npm run cluster -- --node kubelet', () => {
  test('serves pages from Pods under a real kubelet, and leaves no trace of itself', async () => {
    // Whatever an earlier start left behind is gone after this one.
    await (await startNodeWorld({ runtime: 'runc', warm: { min: 0, max: 0 } }))[Symbol.asyncDispose]();
    const before = readMachine();
    const places = new Set(listPlaces());
    let namespaces: readonly string[];
    let ended: NodeWorld;
    {
      await using world = await startNodeWorld({ runtime: 'runc', warm: { min: 1, max: 1 } });
      ended = world;
      expect(await titleOfPage(world)).toBe('Page /real');
      namespaces = readNamespaces(world.node.pid);
      expect(namespaces).toHaveLength(3);

      const session = await world.api.create();
      const fields = `{.items[?(@.metadata.uid=="${session.id}")].status}`;
      const text = await world.kubectl(['get', 'browsersessions', '-o', `jsonpath=${fields}`]);
      const status = statusShape.parse(JSON.parse(text));
      const isolated = status.conditions.find(({ type }) => type === 'Isolated');
      expect(isolated).toMatchObject({ status: 'False', reason: 'Container' });
      expect(isolated?.message).toContain("Chromium's own sandbox is on");
      const pod = `pod/${status.sandbox.podName}`;
      expect(await world.kubectl(['get', pod, '-o', 'jsonpath={.spec.nodeName}'])).toBe('porthole-node');
      await world.kubectl(['wait', pod, '--for=condition=Ready', '--timeout=120s']);
      expect(await world.kubectl(['logs', pod])).toContain('the browser is usable');
      expect(await world.kubectl(['exec', pod, '--', 'id', '-u'])).toBe('1000\n');
      await world.api.end(session.id);
    }
    expect(readMachine()).toEqual(before);
    const left = listPlaces().filter((place) => !places.has(place) && !isOfAnotherNode(place, ended));
    expect(left).toEqual([]);
    const held = new Set(listProcesses().flatMap(({ pid }) => readNamespaces(pid)));
    expect(namespaces.filter((namespace) => held.has(namespace))).toEqual([]);
  });

  test('containerd and kubelet are brought back when they are killed, and sessions do not notice', async () => {
    await using world = await startNodeWorld({ runtime: 'runc', warm: { min: 0, max: 0 } });
    const session = await world.api.create();
    const browser = await chromium.connectOverCDP(session.cdpUrl);
    const page = await browser.newPage();
    for (const name of ['containerd', 'kubelet']) {
      const pid = world.pidOf(name);
      expect(execFileSync('ps', ['-o', 'comm=', '-p', `${pid}`], { encoding: 'utf8' }).trim()).toBe(name);
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(world.pidOf(name)).not.toBe(pid), patience);
    }
    expect(await page.evaluate('6 * 7')).toBe(42);
    await world.api.create();
    await browser.close();
  });

  test('killed, it leaves no process; the next start removes the rest and takes sandboxes for lost', async () => {
    await using folder = await createFolder();
    const options = { runtime: 'runc', clusterDir: join(folder.path, 'cluster'), warm: { min: 0, max: 0 } } as const;
    const first = await startNodeWorld(options);
    const session = await first.api.create();
    const family = [...descendantsOf(first.pid), ...first.sandboxProcesses()];
    await first.stop('SIGKILL');
    await vi.waitFor(() => expect(stillRunning(family)).toEqual([]), patience);
    await first[Symbol.asyncDispose]();

    await using second = await startNodeWorld(options);
    expect(listCgroups().filter((name) => name.endsWith(first.node.cgroup))).toEqual([]);
    expect(existsSync(first.node.dir)).toBe(false);
    await vi.waitFor(async () => expect(await second.api.statusOf(session.id)).toBe(404), patience);
    expect(await titleOfPage(second)).toBe('Page /real');
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { attach } from '../support/cdp-client.ts';
import { startClusterWorld, type ClusterWorld } from '../support/cluster-world.ts';
import { startTestControlPlane } from '../support/control-plane.ts';
import { startPageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';
import { descendantsOf, stillRunning } from '../support/process-table.ts';

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, '../..');
const processes = [
  ...['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'],
  ...['node', 'operator', 'facade', 'gateway'],
];

/** A folder that outlives one start. */
async function createFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'porthole-launcher-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** The lines for a shell that the launcher has printed, of those that begin with one of these words. */
function printedLines(world: ClusterWorld, words: readonly string[]): string {
  const lines = world.log().split('\n');
  return lines.filter((line) => words.some((word) => line.startsWith(`  ${word} `))).join('\n');
}

/** Pastes into a new shell in the repository. */
async function paste(text: string): Promise<string> {
  await using home = await createFolder();
  const env = { PATH: process.env['PATH'], HOME: home.path };
  const { stdout } = await run('/bin/bash', ['-e', '-c', text], { cwd: repository, env });
  return stdout;
}

describe('npm run cluster', () => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await startClusterWorld({ warm: { min: 1, max: 1 } });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test('prints lines that give a browser to whoever pastes them', async () => {
    const environment = printedLines(world, ['export']);
    const said = await paste(
      `${environment}\n${printedLines(world, ['kubectl apply', 'kubectl wait', 'kubectl get'])}`,
    );
    const url = said.trim().split('\n').at(-1) ?? '';
    const client = await attach(url);
    expect(await client.call('Browser.getVersion')).toMatchObject({
      product: expect.stringContaining('Chrome') as string,
    });
    await client[Symbol.asyncDispose]();
    await paste(`${environment}\n${printedLines(world, ['kubectl delete'])}`);
    expect(await paste(printedLines(world, ['curl']))).toContain('"status":"ready"');
  });

  test('runs each program as a process of its own, which says that it is ready', async () => {
    const below = descendantsOf(world.pid).map(({ pid }) => pid);
    for (const name of processes) expect(below, name).toContain(world.pidOf(name));
    expect(Object.keys(world.metricsUrls).sort()).toEqual(['facade', 'gateway', 'node', 'operator']);
    for (const url of Object.values(world.metricsUrls)) expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  test('keeps pages away from its ports, whatever of this machine they may reach', async () => {
    await using server = await startPageServer(world.pageHost);
    const session = await world.api.create();
    const browser = await chromium.connectOverCDP(session.cdpUrl);
    const page = await browser.newPage();
    expect((await page.goto(server.url))?.status()).toBe(200);
    const { server: apiServer } = world;
    const urls = [world.apiUrl, world.gatewayUrl, ...Object.values(world.metricsUrls), apiServer];
    for (const url of urls) {
      const answer = await page.goto(`${url}/readyz`).catch((error: unknown) => String(error));
      if (typeof answer === 'string') expect(answer, url).toContain('ERR_TUNNEL_CONNECTION_FAILED');
      else expect(answer?.status(), url).toBe(403);
    }
    await browser.close();
    await world.api.end(session.id);
  });

  test.each(['facade', 'gateway', 'operator', 'kube-apiserver', 'etcd'])('brings a killed %s back', async (name) => {
    const pid = world.pidOf(name);
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(world.pidOf(name)).not.toBe(pid), patience);
    // The lease of an operator that was killed has to run out first.
    const created = await vi.waitFor(() => world.api.create(), { timeout: 60_000, interval: 500 });
    await using client = await vi.waitFor(() => attach(created.cdpUrl), patience);
    expect(client.isOpen).toBe(true);
    await world.api.end(created.id);
  });

  test('lets nobody else use its folder', async () => {
    await expect(startClusterWorld({ clusterDir: world.dir })).rejects.toThrow(
      `is in use by another cluster (process ${world.pid})`,
    );
  });
});

test('a cluster that was stopped goes on where it was, and one that is killed leaves no process', async () => {
  await using folder = await createFolder();
  const options = { clusterDir: join(folder.path, 'cluster'), warm: { min: 0, max: 0 } };
  const first = await startClusterWorld(options);
  await first.kubectl(['create', 'configmap', 'kept']);
  const { apiKey } = first.api;
  await first.stop('SIGTERM');
  await expect(fetch(first.apiUrl)).rejects.toThrow();
  await first[Symbol.asyncDispose]();

  await using second = await startClusterWorld(options);
  expect(second.api.apiKey).toBe(apiKey);
  expect(await second.kubectl(['get', 'configmap', 'kept', '-o', 'name'])).toContain('configmap/kept');
  await second.api.create();
  const family = descendantsOf(second.pid);
  await second.stop('SIGKILL');
  await vi.waitFor(() => expect(stillRunning(family)).toEqual([]), patience);
});

test('into a cluster that exists it installs itself, and takes none of its Pods', async () => {
  await using plane = await startTestControlPlane({ controllers: true });
  const pod = { metadata: { name: 'other' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await plane.kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod }));
  const env = { PORTHOLE_USE_EXISTING_CLUSTER: 'yes', KUBECONFIG: plane.kubeconfig };
  const world = await startClusterWorld({ warm: { min: 0, max: 0 }, env });
  await plane.kubectl(['apply', '-f', 'examples/session.yaml']);
  await plane.kubectl(['wait', '-n=porthole', 'browsersession/example', '--for=condition=Ready', '--timeout=60s']);
  const nodeName = ['-o', 'jsonpath={.items[*].spec.nodeName}'];
  expect(await plane.kubectl(['get', 'pods', '-n=porthole', ...nodeName])).toContain('porthole-local');
  expect(await plane.kubectl(['get', 'pods', '-n=default', ...nodeName])).toBe('');
  expect(Object.keys(world.metricsUrls)).toHaveLength(4);
  await world[Symbol.asyncDispose]();
  expect(await plane.kubectl(['get', 'nodes', '-o', 'name'])).toBe('');
});

import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { chartFolder, sessionsNamespace, systemNamespace } from '../support/chart.ts';
import { startTestControlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { patience } from '../support/patience.ts';
import {
  startPortholeProcess,
  type PortholeProcess,
  type PortholeProcessOptions,
} from '../support/porthole-process.ts';

type Role = PortholeProcessOptions['role'];

const apiKey = 'key-of-default';
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/porthole-operator`;
const sessionsPath = `/apis/porthole.dev/v1alpha1/namespaces/${sessionsNamespace}/browsersessions`;

let plane: TestControlPlane;
let running: PortholeProcess[] = [];

/** As the ServiceAccount of the chart, and as nothing more. */
async function start(
  role: Exclude<Role, 'node'>,
  env: Readonly<Record<string, string>> = {},
): Promise<PortholeProcess> {
  const kubeconfig = await plane.serviceAccountKubeconfig(systemNamespace, `porthole-${role}`);
  const started = startPortholeProcess({ role, kubeconfig, env });
  running.push(started);
  return started;
}

const ready = (process: PortholeProcess): Promise<unknown> =>
  vi.waitFor(async () => expect(await process.ask('/readyz')).toEqual([200, 'ok\n']), patience);
/** A lease that nobody gave up is free after 15 s. */
const leads = (process: PortholeProcess): Promise<unknown> =>
  vi.waitFor(
    async () => expect((await process.ask('/metrics'))[1]).toMatch(/^leader_election_master_status\{.*\} 1$/m),
    { ...patience, timeout: 60_000 },
  );
const holder = async (): Promise<string> =>
  ((await plane.call({ path: leasePath })).body as { spec: { holderIdentity: string } }).spec.holderIdentity;

async function end(process: PortholeProcess): Promise<number | NodeJS.Signals> {
  process.signal('SIGTERM');
  return process.ended;
}

beforeAll(async () => {
  plane = await startTestControlPlane();
  const hash = createHash('sha256').update(apiKey).digest('hex');
  // Without its RuntimeClass a Pod is refused at once, and nothing waits.
  const values = ['--set=workloads.enabled=false', '--set=runtimeClass.create=true', '--set=pool.warm.min=0'];
  values.push(`--set=account.apiKeyHashes={${hash}}`);
  const where = ['--namespace', systemNamespace, '--create-namespace'];
  await plane.helm(['upgrade', 'porthole', chartFolder, '--install', ...where, ...values]);
});
afterEach(async () => {
  // Told to end, an operator gives its lease up: the next story need not wait for it.
  for (const process of running) process.signal('SIGTERM');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
});
afterAll(() => plane[Symbol.asyncDispose]());

describe('processes under the Roles of the chart', () => {
  it('wait for the keys, which the operator makes, and are ready then', async () => {
    await plane.kubectl(['delete', 'secret/porthole-keys', '-n', systemNamespace, '--ignore-not-found']);
    const edges = await Promise.all([start('facade'), start('gateway')]);
    for (const edge of edges) {
      await edge.said('Waiting for the Secret porthole-system/porthole-keys');
      expect(await edge.ask('/healthz')).toEqual([200, 'ok\n']);
      expect((await edge.ask('/readyz'))[0]).toBe(503);
    }
    const operator = await start('operator');
    await Promise.all([...edges, operator].map(ready));
    await leads(operator);
    for (const process of [...edges, operator]) {
      const [, metrics] = await process.ask('/metrics');
      expect(metrics).toMatch(/^rest_client_requests_total\{code="200",method="GET",host="127\.0\.0\.1:\d+"\} [1-9]/m);
      expect(metrics).toContain('process_resident_memory_bytes');
    }
    expect(await Promise.all([...edges, operator].map(end))).toEqual([0, 0, 0]);
  });

  it('serve callers, each at its own port', async () => {
    const [operator, facade, gateway] = await Promise.all([start('operator'), start('facade'), start('gateway')]);
    await Promise.all([operator, facade, gateway].map(ready));
    const list = await fetch(`http://127.0.0.1:${await facade.port()}/api/v1/browser/sessions`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    expect([list.status, await list.json()]).toEqual([200, { sessions: [] }]);
    const unknown = `http://127.0.0.1:${await gateway.port()}/sessions/00000000-0000-4000-8000-000000000000`;
    expect((await fetch(unknown)).status).toBe(401);
  });

  it('answer what waits before they end, and leave nothing of it', async () => {
    const [operator, facade] = await Promise.all([start('operator'), start('facade')]);
    await Promise.all([ready(facade), leads(operator)]);
    // There is no node: its sandbox never starts.
    const waiting = fetch(`http://127.0.0.1:${await facade.port()}/api/v1/browser/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
    });
    const sessions = async (): Promise<readonly unknown[]> =>
      ((await plane.call({ path: sessionsPath })).body as { items: readonly unknown[] }).items;
    await vi.waitFor(async () => expect(await sessions()).toHaveLength(1), patience);
    facade.signal('SIGTERM');
    const answer = await waiting;
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: { code: 'sandbox_failed' } }]);
    expect(await facade.ended).toBe(0);
    expect(await sessions()).toEqual([]);
  });
});

describe('of two operators', () => {
  it('one leads and the other stands by, ready, until the first gives the lease up', async () => {
    const first = await start('operator');
    await leads(first);
    const second = await start('operator');
    await ready(second);
    expect((await second.ask('/metrics'))[1]).toMatch(/^leader_election_master_status\{.*\} 0$/m);
    const before = await holder();
    expect(await end(first)).toBe(0);
    expect(first.log.map(({ msg }) => msg)).toContain('the lease is given up');
    await leads(second);
    expect(await holder()).not.toBe(before);
    await ready(second);
  });

  it('the one whose lease was taken ends, and says so with its exit code', async () => {
    const operator = await start('operator');
    await leads(operator);
    const spec = { holderIdentity: 'somebody-else', leaseDurationSeconds: 1 };
    await plane.call({
      method: 'PATCH',
      path: leasePath,
      body: { spec },
      contentType: 'application/merge-patch+json',
    });
    expect(await operator.ended).toBe(7);
    expect(operator.stderr).toBe('porthole operator: The lease is lost: another operator leads, or soon will.\n');
  });
});

describe('what cannot work is said in a sentence', () => {
  it('credentials that the API server does not know', async () => {
    const kubeconfig = await plane.serviceAccountKubeconfig(systemNamespace, 'porthole-facade');
    const facade = startPortholeProcess({
      role: 'facade',
      kubeconfig,
      env: { PORTHOLE_SYSTEM_NAMESPACE: 'kube-system' },
    });
    running.push(facade);
    expect(await facade.ended).toBe(5);
    expect(facade.stderr).toMatch(
      /^porthole facade: The API server refuses the facade \(.*forbidden.*Role porthole-facade.*\n$/,
    );
  });

  it('a port that is taken', async () => {
    const first = await start('facade');
    const { port } = await first.said('metrics listen');
    const second = await start('facade', { PORTHOLE_METRICS_PORT: String(port) });
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain(`127.0.0.1:${String(port)} is in use.`);
  });

  it('an API server that is away: it is waited for', async () => {
    const operator = await start('operator');
    await leads(operator);
    await end(operator);
    const server = plane.process('kube-apiserver');
    const kubeconfig = await plane.serviceAccountKubeconfig(systemNamespace, 'porthole-gateway');
    await server.kill();
    const gateway = startPortholeProcess({ role: 'gateway', kubeconfig });
    running.push(gateway);
    await gateway.said('The API server does not answer');
    expect(await gateway.ask('/healthz')).toEqual([200, 'ok\n']);
    expect((await gateway.ask('/readyz'))[0]).toBe(503);
    server.start();
    await plane.ready();
    await ready(gateway);
    expect(await end(gateway)).toBe(0);
  });

  it('definitions that are not installed', async () => {
    const operator = await start('operator');
    await leads(operator);
    await plane.kubectl(['delete', 'crd', 'browseraccounts.porthole.dev']);
    const facade = await start('facade');
    expect(await facade.ended).toBe(4);
    expect(facade.stderr).toContain('kubectl apply --server-side -f crds/');
    await plane.applyCrds();
  });
});

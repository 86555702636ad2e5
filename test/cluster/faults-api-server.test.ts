import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { browserSessions } from '../../src/api/v1alpha1/browser-session.ts';
import { sessionsNamespace } from '../support/chart.ts';
import { calmLimitMs, createSessions, expectAllServed, removeWhenReady } from '../support/fault-stories.ts';
import { startFaultWorld, type FaultWorld, type FaultyProcess } from '../support/fault-world.ts';
import { startFaultyProxy, type FaultyProxy } from '../support/faulty-proxy.ts';
import { watchSessions, type SessionLog } from '../support/session-log.ts';

const quota = 8;
const count = 40;

let world: FaultWorld;
let proxy: FaultyProxy;
let stack: AsyncDisposableStack;
let operator: FaultyProcess;
let log: SessionLog;
let failures: readonly unknown[];

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  world = stack.use(await startFaultWorld({ maxConcurrentSessions: quota, warm: 2, maxSandboxes: 20 }));
  proxy = stack.use(await startFaultyProxy(world.plane));
  operator = await world.start('operator', 'operator', { through: proxy });
  log = stack.use(await watchSessions(world.store));
  ({ failures } = removeWhenReady(world.store, log));
});
afterAll(() => stack.disposeAsync());

const servedAtLeast = (served: number): Promise<boolean> =>
  vi.waitUntil(() => log.wereReady.size >= served, { timeout: calmLimitMs, interval: 5 });

/** etcd's own API in JSON, at the socket that the API server uses: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/ */
function askEtcd(path: string, body: object): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const socketPath = join(world.plane.dir, 'etcd', 'client.sock:0');
  const asked = request({ socketPath, path, method: 'POST', headers: { host: 'localhost' } }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    answer.on('end', () => {
      if (answer.statusCode === 200) resolve(JSON.parse(text));
      else reject(new Error(`etcd answered ${answer.statusCode ?? 0}: ${text}`));
    });
  });
  asked.on('error', reject).end(JSON.stringify(body));
  return promise;
}

it('an API server that is killed and comes back finds everybody at work', async () => {
  const names = createSessions(world.store, count, 'killed');
  await servedAtLeast(count / 4);
  const apiServer = world.plane.process('kube-apiserver');
  await apiServer.kill();
  await delay(1_000);
  apiServer.start();
  await world.plane.ready();
  await expectAllServed(world, log, { names: await names, quota });
  expect(failures).toEqual([]);
});

it('who was away while etcd was compacted lists again and misses nothing', async () => {
  const { resourceVersion } = await world.store.list(browserSessions, { namespace: sessionsNamespace });
  // The operator keeps its lease and hears of nothing else.
  proxy.faultFor = ({ path }) => (path.includes('/leases/') ? undefined : { kind: 'refuse' });
  proxy.cutWatches();
  const names = await createSessions(world.store, count, 'compacted');
  const { header } = (await askEtcd('/v3/maintenance/status', {})) as { header: { revision: string } };
  await askEtcd('/v3/kv/compaction', { revision: header.revision, physical: true });
  // Its cache of the past would hide the compaction.
  await world.plane.process('kube-apiserver').kill();
  world.plane.process('kube-apiserver').start();
  await world.plane.ready();
  const { signal } = new AbortController();
  const past = { namespace: sessionsNamespace, resourceVersion, signal };
  // Ready, it may still be reading what it has of this kind, and asks for patience.
  await vi.waitFor(
    async () => {
      const first = world.store.watch(browserSessions, past)[Symbol.asyncIterator]().next();
      await expect(first).rejects.toMatchObject({ reason: 'Expired' });
    },
    { timeout: calmLimitMs, interval: 200 },
  );

  proxy.faultFor = () => undefined;
  await expectAllServed(world, log, { names, quota });
  expect(failures).toEqual([]);
});

it('an operator that cannot renew its lease ends rather than decide, and its next start goes on', async () => {
  const served = log.wereReady.size;
  const names = createSessions(world.store, count, 'away');
  await servedAtLeast(served + count / 4);
  const apiServer = world.plane.process('kube-apiserver');
  const { pid } = operator.process;
  await apiServer.kill();
  await vi.waitUntil(() => operator.process.pid !== pid, { timeout: calmLimitMs });
  apiServer.start();
  await world.plane.ready();
  await expectAllServed(world, log, { names: await names, quota });
  expect(failures).toEqual([]);
});

import { globSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { listCgroupPids } from '../../hack/node/cgroups.ts';
import type { BrowserPool } from '../../src/api/v1alpha1/browser-pool.ts';
import type { BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import { attach } from '../support/cdp-client.ts';
import { createKubectl, sessionManifest, type Kubectl } from '../support/kubectl.ts';
import { startNodeWorld, type NodeWorld } from '../support/node-world.ts';
import { browsersAmong, readProcess, type ProcessEntry } from '../support/process-table.ts';

/** What befalls one sandbox on a real node while it serves somebody. */

const patience = { timeout: 120_000, interval: 250 } as const;
/** The kubelet sums up what volumes take once a minute, and looks at the sum every ten seconds. */
const evictionPatience = { timeout: 240_000, interval: 500 } as const;

let world: NodeWorld;
let kubectl: Kubectl;
beforeAll(async () => {
  world = await startNodeWorld({ runtime: 'runc', maxConcurrentSessions: 10, warm: { min: 0, max: 0 } });
  kubectl = createKubectl(world);
  const pool = await kubectl.find<BrowserPool>('browserpool/default');
  const small = { ...pool?.spec.template, storage: { work: '200Mi' }, resources: { limits: { memory: '700Mi' } } };
  const spec = { template: small, warm: { min: 0, max: 0 }, maxSandboxes: 10 };
  await kubectl.apply({ apiVersion, kind: 'BrowserPool', metadata: { name: 'small' }, spec });
});
afterAll(() => world[Symbol.asyncDispose]());

async function start(name: string): Promise<{ session: BrowserSession; podUid: string; uri: string }> {
  await kubectl.apply(sessionManifest(name, { poolRef: { name: 'small' } }));
  const session = await kubectl.ready(name);
  const uri = await kubectl('get', 'secret', `${name}-binding`, '--output=go-template={{.data.uri | base64decode}}');
  return { session, podUid: session.status?.sandbox?.podUID ?? '', uri };
}

const processesOf = (podUid: string): readonly ProcessEntry[] =>
  listCgroupPids(world.node.cgroup, podUid)
    .map(readProcess)
    .filter((entry) => entry !== undefined);
const endReasonOf = async (name: string): Promise<string | undefined> =>
  (await kubectl.session(name))?.status?.endReason;

it('one that takes more disk than its pool allows is evicted, and its session ends', async () => {
  const { podUid } = await start('greedy');
  const work = join(world.node.dir, 'kubelet/pods', podUid, 'volumes/kubernetes.io~empty-dir/work');
  await writeFile(join(work, 'download'), Buffer.alloc(400 * 1024 * 1024));
  const reason = await vi.waitUntil(() => endReasonOf('greedy'), evictionPatience);
  expect(reason).toBe('Evicted');
});

it('one whose Chromium is killed ends its session, and the reason is not taken for one of the node', async () => {
  const { podUid } = await start('crashed');
  const [browser] = browsersAmong(processesOf(podUid));
  if (!browser) throw new Error(`The sandbox runs ${JSON.stringify(processesOf(podUid))}.`);
  process.kill(browser.pid, 'SIGKILL');
  const reason = await vi.waitUntil(() => endReasonOf('crashed'), patience);
  expect(reason).toBe('BrowserCrashed');
});

it('one whose container is killed ends its session', async () => {
  const { podUid, uri } = await start('killed');
  await using client = await attach(uri);
  const init = processesOf(podUid).find(({ command }) => command.includes('tini') && command.includes('agent'));
  if (!init) throw new Error(`The sandbox runs ${JSON.stringify(processesOf(podUid))}.`);
  process.kill(init.pid, 'SIGKILL');
  expect((await client.closed).code).toBeGreaterThanOrEqual(1001);
  await vi.waitFor(async () => expect(await endReasonOf('killed')).toBe('BrowserCrashed'), patience);
});

/** Processes of the Pod that the kernel has killed for want of memory, by either version of cgroups. */
function countKills(podUid: string): number {
  const folders = [`/sys/fs/cgroup/memory/${world.node.cgroup}`, `/sys/fs/cgroup/${world.node.cgroup}`];
  const files = folders.flatMap((cwd) =>
    globSync(`**/*${podUid}*/**/memory.{oom_control,events}`, { cwd }).map((file) => join(cwd, file)),
  );
  const counts = files.map((file) => Number(/^oom_kill (\d+)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0));
  return Math.max(0, ...counts);
}

interface Evaluated {
  readonly result: { readonly value: unknown };
}

it('a page that takes all of its memory dies, and the session goes on', async () => {
  const { uri, podUid } = await start('hungry');
  await using client = await attach(uri);
  const open = async (): Promise<string> => {
    const { targetId } = await client.call<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    return (await client.call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })).sessionId;
  };
  const page = await open();
  const expression = 'const all = []; for (;;) all.push(new Uint8Array(2 ** 24).fill(1));';
  // The kernel kills it in the midst of this, and nobody answers.
  void client.call('Runtime.evaluate', { expression }, page).catch(() => undefined);
  await vi.waitFor(() => expect(countKills(podUid)).toBeGreaterThan(0), patience);
  const { result } = await client.call<Evaluated>('Runtime.evaluate', { expression: '6 * 7' }, await open());
  expect(result.value).toBe(42);
  expect((await kubectl.session('hungry'))?.status?.phase).toBe('Ready');
});

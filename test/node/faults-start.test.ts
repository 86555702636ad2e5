import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BrowserPool } from '../../src/api/v1alpha1/browser-pool.ts';
import type { BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import type { Condition } from '../../src/api/v1alpha1/kind.ts';
import { createKubectl, sessionManifest, type Kubectl } from '../support/kubectl.ts';
import { startNodeWorld, type NodeWorld } from '../support/node-world.ts';
import { stretch } from '../support/patience.ts';

/** What keeps a sandbox from starting on a real node: the pool says why, whoever wanted a session is told at once, and Pods do not pile up. */

/** Nothing here is to be found out by waiting for it. */
const startupDeadlineMs = 600_000;
const patience = { timeout: 240_000, interval: 250 } as const;

let world: NodeWorld;
let kubectl: Kubectl;
let template: BrowserPool['spec']['template'];

beforeAll(async () => {
  world = await startNodeWorld({ runtime: 'runc', maxConcurrentSessions: 20, warm: { min: 0, max: 0 } });
  kubectl = createKubectl(world);
  const pool = await kubectl.find<BrowserPool>('browserpool/default');
  if (!pool) throw new Error('There is no pool.');
  template = { ...pool.spec.template, startupDeadlineMs };
  await kubectl.apply(faults.map(([name, over]) => poolWith(name, over)));
  await kubectl.apply(faults.map(([name]) => sessionOf(name)));
});
afterAll(() => world[Symbol.asyncDispose]());

function poolWith(name: string, over: object, warm = 0): object {
  const spec = { template: { ...template, ...over }, warm: { min: warm, max: warm }, maxSandboxes: 5 };
  return { apiVersion, kind: 'BrowserPool', metadata: { name }, spec };
}

const sessionOf = (name: string) => sessionManifest(name, { poolRef: { name }, onQuotaExceeded: 'Reject' });
const limits = (memory: string): object => ({ resources: { requests: { cpu: '50m', memory }, limits: { memory } } });

const faults: readonly (readonly [name: string, over: object, reason: string, said: RegExp])[] = [
  ['no-image', { image: 'localhost/nowhere:1', imagePullPolicy: 'Never' }, 'ImageUnavailable', /nowhere:1/],
  [
    'no-profile',
    { seccompProfile: { type: 'Localhost', localhostProfile: 'porthole/missing.json' } },
    'SeccompProfileMissing',
    /porthole\/missing\.json/,
  ],
  ['no-class', { runtimeClassName: 'nowhere' }, 'RuntimeClassNotFound', /nowhere/],
  // Forbids the user namespaces that Chromium's own sandbox is made of.
  ['crashing', { seccompProfile: { type: 'RuntimeDefault' } }, 'CrashLoop', /exit code 71/],
  ['too-weak', { requirements: { isolation: 'VirtualMachine' } }, 'RequirementsNotMet', /shares the host kernel/],
  ['too-little', limits('48Mi'), 'OutOfMemory', /limits\.memory/],
];

const conditionIn = (object: BrowserPool | BrowserSession | undefined, type: string): Condition | undefined =>
  object?.status?.conditions?.find((condition) => condition.type === type);

async function untilEnded(name: string): Promise<BrowserSession | undefined> {
  return vi.waitFor(async () => {
    const session = await kubectl.session(name);
    expect(session?.status?.phase).toBe('Ended');
    return session;
  }, patience);
}

describe.each(faults)('a pool with %s', (name, _over, reason, said) => {
  it('fails its session long before the deadline, without a word of the node', async () => {
    const session = await untilEnded(name);
    expect(session?.status?.endReason).toBe('SandboxFailed');
    expect(conditionIn(session, 'Ended')?.message).toMatch(/^The .*The pool says more\.$/);
    expect(conditionIn(session, 'Ended')?.message).not.toMatch(/kubelet|containerd|\/var\//);
  });

  it(`says ${reason}, in the words of the cluster`, async () => {
    await vi.waitFor(async () => {
      const pool = await kubectl.find<BrowserPool>(`browserpool/${name}`);
      expect(conditionIn(pool, 'Ready')).toMatchObject({ status: 'False', reason });
      expect(conditionIn(pool, 'Ready')?.message).toMatch(said);
    }, patience);
  });

  it('leaves no Pod', async () => {
    await vi.waitFor(async () => expect(await kubectl.pods(`porthole.dev/pool=${name}`)).toEqual([]), patience);
  });
});

it('a node that is full is a pool that is exhausted, at once', async () => {
  await kubectl.apply([
    poolWith('too-large', { resources: { requests: { cpu: '50m', memory: '4000Gi' }, limits: {} } }),
    sessionOf('too-large'),
  ]);
  expect((await untilEnded('too-large'))?.status?.endReason).toBe('PoolExhausted');
});

it('a template that crashes on every start makes few Pods, and REST says at once what is the matter', async () => {
  const seen = new Set<string>();
  const patch = { spec: { template: { seccompProfile: { type: 'RuntimeDefault' } }, warm: { min: 2, max: 2 } } };
  await kubectl('patch', 'browserpool/default', '--type=merge', `--patch=${JSON.stringify(patch)}`);
  await vi.waitFor(async () => {
    for (const { metadata } of await kubectl.pods('porthole.dev/pool=default')) seen.add(metadata.uid);
    expect(conditionIn(await kubectl.find<BrowserPool>('browserpool/default'), 'Stalled')?.reason).toBe('CrashLoop');
  }, patience);
  const answer = await world.api.call('POST', '/api/v1/browser/sessions', {});
  expect(answer.status).toBe(503);
  expect(answer.problem()).toMatchObject({ code: 'sandbox_failed' });
  expect(answer.problem().message).toMatch(/ends while it starts/);
  for (let look = 0; look < 20; look++) {
    const pods = await kubectl.pods('porthole.dev/pool=default');
    expect(pods.length).toBeLessThanOrEqual(4);
    for (const { metadata } of pods) seen.add(metadata.uid);
    await stretch(250);
  }
  // Pairs after 0, 2, 8 and 16 s at most, and one for the session.
  expect(seen.size).toBeLessThanOrEqual(10);

  const mended = { spec: { template: { seccompProfile: null } } };
  await kubectl('patch', 'browserpool/default', '--type=merge', `--patch=${JSON.stringify(mended)}`);
  const { id } = await vi.waitFor(() => world.api.create(), patience);
  await world.api.end(id);
});

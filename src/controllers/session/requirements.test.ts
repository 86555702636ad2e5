import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { agentStatus } from '../../../test/support/objects.ts';
import { Bench } from '../../../test/support/operator-bench.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  startFakeNode(bench.store, { signal: bench.stop.signal });
  await bench.account();
});
afterEach(() => bench[Symbol.asyncDispose]());

const demanding = (requirements: object, warm: number): object => ({
  template: { requirements },
  warm: { min: warm, max: warm },
});
const isolationOf = ({ status }: BrowserSession): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Isolated')?.reason;

it('a sandbox that is as isolated as the pool demands is handed out', async () => {
  bench.agents.self = { isolation: 'GVisor' };
  await bench.pool(demanding({ isolation: 'SeparateKernel', browserSandbox: true }, 1));
  await bench.warm(1);
  await bench.session('s');
  expect(isolationOf(await bench.phase('s', 'Ready'))).toBe('GVisor');
});

it.each([
  ['runs under a weaker runtime', { isolation: 'VirtualMachine' }, { isolation: 'GVisor' }, /under gVisor/],
  [
    'has a browser without its own sandbox',
    { browserSandbox: true },
    { browser: { ...agentStatus.browser, sandboxed: false } },
    /own sandbox is off/,
  ],
] as const)('a cold sandbox that %s is destroyed, not handed out', async (_, requirements, self, why) => {
  bench.agents.self = self;
  await bench.pool(demanding(requirements, 0));
  await bench.session('s');
  const { metadata, status } = await bench.phase('s', 'Ended');
  expect(status).toMatchObject({ endReason: 'SandboxFailed' });
  expect(status).not.toHaveProperty('cdpUrl');
  expect(status?.conditions?.find(({ type }) => type === 'Ended')?.message).toMatch(why);
  expect([...bench.agents.bound.values()]).toContain(metadata.uid);
  await vi.waitFor(async () => {
    expect(await bench.pods()).toEqual([]);
  }, 5_000);
});

it('a weak warm sandbox is destroyed, and the session gets one that is not', async () => {
  await bench.pool(demanding({ isolation: 'VirtualMachine' }, 2));
  await bench.warm(2);
  const weak = (await bench.pods()).map(({ name }) => name);
  bench.agents.self = { isolation: 'Container' };
  bench.agents.meanwhile = () => {
    // The second of them, and whatever takes their places, is what its RuntimeClass says.
    if (bench.agents.bound.size > 1) bench.agents.self = { isolation: 'VirtualMachine' };
    return Promise.resolve();
  };
  await bench.session('s');
  const session = await bench.phase('s', 'Ready');
  expect(isolationOf(session)).toBe('VirtualMachine');
  await vi.waitFor(async () => {
    const left = (await bench.pods()).map(({ name }) => name).filter((name) => weak.includes(name));
    expect(left).toEqual([session.status?.sandbox?.podName]);
  }, 5_000);
});

it('a session that every sandbox fails ends, and takes no quota', async () => {
  bench.agents.self = { isolation: 'LocalProcess' };
  await bench.pool(demanding({ isolation: 'SeparateKernel' }, 4));
  await bench.warm(4);
  await bench.session('s');
  expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('SandboxFailed');
  bench.agents.self = { isolation: 'GVisor' };
  await bench.session('next');
  await bench.phase('next', 'Ready');
});

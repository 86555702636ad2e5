import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { agentStatus } from '../../../test/support/objects.ts';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { pods } from '../../kube/builtins.ts';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { formatTime } from '../../lib/time.ts';
import { SandboxError } from '../../sandbox/port.ts';

let bench: Bench;
let clock: SteppedClock;
let node: AbortController;
beforeEach(async () => {
  clock = createSteppedClock(Date.now());
  bench = new Bench({ clock });
  node = new AbortController();
  startFakeNode(bench.store, { signal: node.signal });
  await bench.account({ maxConcurrentSessions: 1 });
  await bench.pool({ warm: { min: 0, max: 0 }, maxSandboxes: 1 });
});
afterEach(async () => {
  node.abort();
  await bench[Symbol.asyncDispose]();
});

/** Time goes by, second by second, and whatever follows from each happens. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await clock.step(1_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function readySession(): Promise<string> {
  await bench.session('s');
  const { status } = await bench.phase('s', 'Ready');
  const name = status?.sandbox?.podName ?? '';
  await vi.waitFor(async () => expect(await readinessOf(name)).toBe('True'));
  return name;
}

const readinessOf = async (name: string): Promise<string | undefined> =>
  (await bench.store.get(pods, named(name)))?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;

/** What Kubernetes writes of the Pods of a node that it has given up, where it has lost them all. */
const giveUp = (name: string) =>
  bench.store.patchStatus(pods, named(name), {
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: formatTime(clock.now()) }],
  });
const silent = () => Promise.reject(new SandboxError('unreachable', 'It does not answer.'));

it('a session whose node is lost ends, its slot and its place in the pool are free, though its Pod stays for ever', async () => {
  const name = await readySession();
  const asked = vi.spyOn(bench.agents, 'status').mockImplementation(silent);
  node.abort();
  await giveUp(name);
  await pass(29);
  expect(asked).not.toHaveBeenCalled();
  await bench.phase('s', 'Ready');
  await pass(15);
  expect((await bench.phase('s', 'Ended')).status?.endReason).toBe('NodeLost');
  await vi.waitFor(async () => {
    const pod = await bench.store.get(pods, named(name));
    expect(pod?.metadata.deletionTimestamp).toBeDefined();
  });
  await bench.session('next');
  await bench.phase('next', 'Starting');
});

it('a session whose agent answers lives on, and is asked after now and then', async () => {
  const name = await readySession();
  const asked = vi.spyOn(bench.agents, 'status');
  await giveUp(name);
  await pass(100);
  await bench.phase('s', 'Ready');
  expect(asked.mock.calls.length).toBeGreaterThan(3);
  expect(asked.mock.calls.length).toBeLessThan(10);
});

it('an agent that was silent for a moment costs no session', async () => {
  const name = await readySession();
  let calls = 0;
  vi.spyOn(bench.agents, 'status').mockImplementation(() =>
    ++calls % 5 === 0 ? Promise.resolve(agentStatus) : silent(),
  );
  await giveUp(name);
  await pass(100);
  await bench.phase('s', 'Ready');
  expect(calls).toBeGreaterThan(10);
});

it('a session whose Pod is Ready is never asked after, nor one whose Pod is Ready again', async () => {
  const name = await readySession();
  const asked = vi.spyOn(bench.agents, 'status').mockImplementation(silent);
  await pass(100);
  await giveUp(name);
  await pass(10);
  await bench.store.patchStatus(pods, named(name), { conditions: [{ type: 'Ready', status: 'True' }] });
  await pass(100);
  expect(asked).not.toHaveBeenCalled();
  await bench.phase('s', 'Ready');
});

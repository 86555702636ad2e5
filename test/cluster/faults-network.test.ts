import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSessions, expectAllServed, removeWhenReady } from '../support/fault-stories.ts';
import { startFaultWorld, type FaultWorld, type FaultyProcess } from '../support/fault-world.ts';
import { startFaultyProxy, type Fault, type FaultyProxy, type ProxiedRequest } from '../support/faulty-proxy.ts';
import { watchSessions, type SessionLog } from '../support/session-log.ts';

const quota = 8;
const count = 40;
/** A machine that is busy may need longer than from one to the next for a watch to bring anything. */
const mostDisturbances = 100;

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

/** Every n-th request that is no watch and has nothing to do with the lease. */
function everyNth(n: number, fault: Fault): FaultyProxy['faultFor'] {
  let seen = 0;
  return ({ path, isWatch }: ProxiedRequest) =>
    isWatch || path.includes('/leases/') || ++seen % n !== 0 ? undefined : fault;
}

describe('an operator whose way to the API server is bad serves everybody once, and leaves nothing', () => {
  it.each<[string, FaultyProxy['faultFor']]>([
    ['429', everyNth(3, { kind: 'answer', code: 429, retryAfterSeconds: 1 })],
    ['500', everyNth(4, { kind: 'answer', code: 500 })],
    ['connections that are refused', everyNth(4, { kind: 'refuse' })],
    ['answers that get lost', everyNth(4, { kind: 'lose' })],
  ])('%s', async (name, faultFor) => {
    const before = proxy.faults;
    proxy.faultFor = faultFor;
    const names = await createSessions(world.store, count, `n${name.replaceAll(/\W/g, '-')}`);
    await expectAllServed(world, log, { names, quota });
    proxy.faultFor = () => undefined;
    expect(proxy.faults - before).toBeGreaterThan(5);
    expect(failures).toEqual([]);
    expect(operator.process.isRunning).toBe(true);
  });

  it.each<[string, () => number]>([
    ['watches that are cut', () => proxy.cutWatches()],
    ['watches that are told 410', () => proxy.expireWatches()],
  ])('%s', async (name, disturb) => {
    let disturbed = 0;
    let left = mostDisturbances;
    const timer = setInterval(() => (disturbed += left-- > 0 ? disturb() : 0), 150);
    const names = await createSessions(world.store, count, name.replaceAll(' ', '-'));
    await expectAllServed(world, log, { names, quota }).finally(() => clearInterval(timer));
    expect(disturbed).toBeGreaterThan(5);
    expect(failures).toEqual([]);
    expect(operator.process.isRunning).toBe(true);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { calmLimitMs, createSessions, expectAllServed, findLeader, removeWhenReady } from '../support/fault-stories.ts';
import { startFaultWorld, type FaultyProcess, type FaultWorld } from '../support/fault-world.ts';
import { watchSessions, type SessionLog } from '../support/session-log.ts';

const count = 200;
const quota = 12;
const options = { maxConcurrentSessions: quota, warm: 4, maxSandboxes: 30 };

interface Story {
  readonly world: FaultWorld;
  readonly log: SessionLog;
  readonly operators: readonly FaultyProcess[];
  readonly leader: FaultyProcess;
  readonly names: Promise<readonly string[]>;
  readonly failures: readonly unknown[];
}

/** Two operators and 200 sessions, a third of which have been served. */
async function beginStory(): Promise<Story> {
  const world = await startFaultWorld(options);
  onTestFinished(() => world[Symbol.asyncDispose]());
  const operators = [await world.start('operator', 'operator-a'), await world.start('operator', 'operator-b')];
  const leader = await findLeader(operators);
  const log = await watchSessions(world.store);
  onTestFinished(() => log[Symbol.dispose]());
  const { failures } = removeWhenReady(world.store, log);
  const names = createSessions(world.store, count);
  await vi.waitUntil(() => log.wereReady.size >= count / 3, { timeout: calmLimitMs, interval: 5 });
  return { world, log, operators, leader, names, failures };
}

it('a leader that is killed in the midst of 200 creates leaves a world that the next one sets right', async () => {
  const { world, log, leader, names, failures } = await beginStory();
  await leader.process.kill();
  expect(log.wereReady.size).toBeLessThan(count);
  await expectAllServed(world, log, { names: await names, quota });
  expect(failures).toEqual([]);
});

it('a leader that stands still until another leads decides nothing when it wakes, and ends', async () => {
  const { world, log, operators, leader, names, failures } = await beginStory();
  leader.process.pause();
  const others = operators.filter((operator) => operator !== leader);
  const next = await findLeader(others);
  expect(next).not.toBe(leader);
  // In the midst of what the next one does, unless that was quicker than we.
  const served = Math.min(log.wereReady.size, count - 1);
  await vi.waitUntil(() => log.wereReady.size > served, { timeout: calmLimitMs, interval: 5 });
  leader.process.resume();
  await leader.process.ended();
  await expectAllServed(world, log, { names: await names, quota });
  // What it may have asked for at the last moment has arrived by now.
  await delay(1_000);
  await expectAllServed(world, log, { names: await names, quota });
  expect(failures).toEqual([]);
});

import { beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/logger.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import {
  startController,
  type Controller,
  type ControllerHooks,
  type ControllerOptions,
  type ReconcileFacts,
  type TakenFacts,
} from './controller.ts';
import { lookAgain, settled } from './outcome.ts';
import type { Reconcile } from './port.ts';

const key = (name: string): ObjectKey => ({ namespace: 'test', name });
const logger = createLogger({ name: 'test', level: 'silent' });

describe('a controller', () => {
  let clock: SteppedClock;
  beforeEach(() => {
    clock = createSteppedClock();
  });
  const start = (reconcile: Reconcile, more: Partial<ControllerOptions> = {}): Controller =>
    startController({ name: 'test', reconcile, concurrency: 2, clock, logger, ...more });

  /** A reconcile whose runs end when they are told to, and which says what runs. */
  const createGates = () => {
    const running: string[] = [];
    const gates = new Map<string, () => void>();
    const signals: AbortSignal[] = [];
    const reconcile: Reconcile = async ({ name }, signal) => {
      running.push(name);
      signals.push(signal);
      await new Promise<void>((resolve) => gates.set(name, resolve));
      running.splice(running.indexOf(name), 1);
      return settled;
    };
    const end = async (name: string): Promise<void> => {
      gates.get(name)?.();
      await clock.step(0);
    };
    return { running, signals, reconcile, end };
  };

  it('reconciles a key that is added, after the one who added it is done', async () => {
    const seen: ObjectKey[] = [];
    await using controller = start((added) => {
      seen.push(added);
      return Promise.resolve(settled);
    });
    controller.add({ ...key('a'), labels: 'not part of a key' } as ObjectKey);
    expect(seen).toEqual([]);
    await Promise.resolve();
    expect(seen).toEqual([key('a')]);
  });

  it('works on so many keys at once and never on one key twice', async () => {
    const { running, reconcile, end } = createGates();
    await using controller = start(reconcile);
    for (const name of ['a', 'b', 'c']) controller.add(key(name));
    await clock.step(0);
    expect(running).toEqual(['a', 'b']);
    controller.add(key('a'));
    await end('b');
    expect(running).toEqual(['a', 'c']);
    await end('c');
    expect(running).toEqual(['a']);
    await end('a');
    expect(running).toEqual(['a']);
    await end('a');
    expect(running).toEqual([]);
  });

  it('looks again after the time that a reconcile asks for', async () => {
    let runs = 0;
    await using controller = start(() => Promise.resolve(++runs < 3 ? lookAgain(1_000, 'testing') : settled));
    controller.add(key('a'));
    await clock.step(999);
    expect(runs).toBe(1);
    await clock.step(1);
    expect(runs).toBe(2);
    await clock.step(60_000);
    expect(runs).toBe(3);
  });

  it('backs off from what throws, and forgets that when it succeeds', async () => {
    const runsAtMs: number[] = [];
    const startMs = clock.monotonic();
    await using controller = start(() => {
      runsAtMs.push(clock.monotonic() - startMs);
      if (runsAtMs.length === 4) return Promise.resolve(settled);
      throw new Error('not yet');
    });
    controller.add(key('a'));
    await clock.step(1_000);
    expect(runsAtMs).toEqual([0, 5, 15, 35]);
    controller.add(key('a'));
    await clock.step(5);
    expect(runsAtMs.slice(4)).toEqual([1_000, 1_005]);
  });

  it('tells a reconcile that takes too long to stop, and keeps its key until it has', async () => {
    const { running, signals, reconcile, end } = createGates();
    await using controller = start(reconcile, { reconcileTimeoutMs: 500 });
    controller.add(key('slow'));
    await clock.step(499);
    expect(signals[0]?.aborted).toBe(false);
    await clock.step(1);
    expect(signals[0]?.aborted).toBe(true);
    controller.add(key('slow'));
    await clock.step(10_000);
    expect(running).toEqual(['slow']);
    expect(signals).toHaveLength(1);
    await end('slow');
    expect(running).toEqual(['slow']);
    expect(signals[1]?.aborted).toBe(false);
    await end('slow');
  });

  it('aborts what runs when it is disposed, waits for it, and starts nothing more', async () => {
    const { running, signals, reconcile, end } = createGates();
    const controller = start(reconcile, { concurrency: 1 });
    controller.add(key('a'));
    controller.add(key('waiting'));
    controller.addAfter(key('later'), 10);
    await clock.step(0);
    let isDisposed = false;
    const disposing = controller[Symbol.asyncDispose]().then(() => (isDisposed = true));
    await clock.step(0);
    expect(signals[0]?.aborted).toBe(true);
    expect(isDisposed).toBe(false);
    await end('a');
    await disposing;
    controller.add(key('too-late'));
    await clock.step(1_000);
    expect(running).toEqual([]);
    expect(signals).toHaveLength(1);
  });

  it('reports depth, waiting and working time and results', async () => {
    const depths: number[] = [];
    const taken: TakenFacts[] = [];
    const facts: ReconcileFacts[] = [];
    const started: [string, number][] = [];
    let added = 0;
    const hooks: ControllerHooks = {
      started: (...how) => void started.push(how),
      added: () => (added += 1),
      queueDepth: (_, depth) => void depths.push(depth),
      taken: (fact) => void taken.push(fact),
      reconciled: (fact) => void facts.push(fact),
    };
    const outcomes = [() => lookAgain(1e6, 'testing'), () => settled, () => lookAgain(0, 'testing')];
    const reconcile: Reconcile = async () => {
      const outcome = outcomes.shift();
      await new Promise<void>((resolve) => clock.schedule(40, resolve));
      if (!outcome) throw new Error('none left');
      return outcome();
    };
    const startMs = clock.monotonic();
    const controller = start(reconcile, { concurrency: 1, hooks });
    for (const name of ['a', 'b', 'c', 'd']) controller.add(key(name));
    controller.add(key('d'));
    await clock.step(162);
    expect(started).toEqual([['test', 1]]);
    expect(depths.slice(0, 6)).toEqual([1, 2, 3, 4, 3, 2]);
    const begun = { controller: 'test', durationMs: 40 };
    expect(facts).toEqual([
      { ...begun, startMs, result: 'requeueAfter', waitedMs: 0 },
      { ...begun, startMs: startMs + 40, result: 'success', waitedMs: 40 },
      { ...begun, startMs: startMs + 80, result: 'requeue', waitedMs: 80 },
      { ...begun, startMs: startMs + 120, result: 'error', waitedMs: 120 },
    ]);
    // c, once more at once, runs by now.
    expect(taken.map(({ startMs: atMs }) => atMs - startMs)).toEqual([0, 40, 80, 120, 160]);
    expect(added).toBe(5);
    const disposing = controller[Symbol.asyncDispose]();
    await clock.step(40);
    await disposing;
  });
});

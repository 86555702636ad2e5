import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import type { Lease } from '../../lib/kubernetes.ts';
import { createLogger } from '../../lib/logger.ts';
import { formatMicroTime } from '../../lib/time.ts';
import { leases } from '../builtins.ts';
import { createMemoryStore, type MemoryStore } from '../memory/memory-store.ts';
import type { Store } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { startLeaderElection, type LeaderElection, type LeaderElectionOptions, type Term } from './leader-election.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const lease = { namespace: 'system', name: 'operator' };

/** What may happen between a candidate and the store. */
interface Line {
  /** Every request of it fails. */
  fails?: boolean;
  /** Answers come, and requests arrive, so much later. */
  delayMs?: number;
  /** Requests get through, answers never come. */
  isMute?: boolean;
}

interface Runner {
  readonly election: LeaderElection;
  readonly line: Line;
  term: Term | undefined;
  readonly leads: () => boolean;
}

let clock: SteppedClock;
let store: MemoryStore;
let runners: Runner[];
beforeEach(() => {
  clock = createSteppedClock();
  store = createMemoryStore({ clock });
  runners = [];
});
afterEach(async () => {
  for (const runner of runners) {
    Object.assign(runner.line, { fails: false, isMute: false, delayMs: 0 });
    const gone = runner.election[Symbol.asyncDispose]();
    await clock.step(20_000);
    await gone;
  }
  await store[Symbol.asyncDispose]();
});

/** The store as seen over `line`. */
function over(line: Line): Store {
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    if (line.fails) throw new StoreError('Unavailable', 'no');
    if (line.delayMs) await new Promise<void>((resolve) => clock.schedule(line.delayMs ?? 0, resolve));
    const answer = await call();
    if (line.isMute) await new Promise(() => undefined);
    return answer;
  };
  return {
    ...store,
    get: (resource, key) => through(() => store.get(resource, key)),
    create: (resource, object) => through(() => store.create(resource, object)),
    update: (resource, object) => through(() => store.update(resource, object)),
  };
}

function run(identity: string, more: Partial<LeaderElectionOptions> = {}): Runner {
  const line: Line = {};
  const election = startLeaderElection({
    ...{ store: over(line), lease, identity, clock, logger, random: () => 0 },
    ...more,
  });
  const runner: Runner = { election, line, term: undefined, leads: () => runner.term?.holds() ?? false };
  election.elected.then(
    (term) => (runner.term = term),
    () => undefined,
  );
  runners.push(runner);
  return runner;
}

/** A clock that can be stopped, as a process is by SIGSTOP: time goes on, and what fell due comes all at once. */
function pausable(): { clock: LeaderElectionOptions['clock']; pause(): void; resume(): void } {
  let isPaused = false;
  const due: (() => void)[] = [];
  return {
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      schedule: (delayMs, fn) => {
        let isOff = false;
        const inner = clock.schedule(delayMs, () => {
          if (isPaused) due.push(() => !isOff && fn());
          else fn();
        });
        return {
          [Symbol.dispose]: () => {
            isOff = true;
            inner[Symbol.dispose]();
          },
        };
      },
    },
    pause: () => (isPaused = true),
    resume: () => {
      isPaused = false;
      for (const fn of due.splice(0)) fn();
    },
  };
}

const spec = async (): Promise<Lease['spec'] | undefined> => (await store.get(leases, lease))?.spec;
const leaders = (): number => runners.filter((r) => r.leads()).length;

/** Steps through `ms` and fails when two lead at any moment. */
async function pass(ms: number): Promise<void> {
  for (let past = 0; past < ms; past += 250) {
    await clock.step(250);
    expect(leaders()).toBeLessThanOrEqual(1);
  }
}

describe('one candidate', () => {
  it('makes the lease, leads at once and renews', async () => {
    const a = run('a');
    await clock.step(0);
    expect(a.leads()).toBe(true);
    expect(a.election.state).toBe('leading');
    expect(a.term?.transitions).toBe(0);
    const now = formatMicroTime(clock.now());
    expect(now).toMatch(/\.\d{6}Z$/);
    expect(await spec()).toEqual({
      ...{ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 },
      ...{ acquireTime: now, renewTime: now },
    });
    await pass(60_000);
    expect(a.leads()).toBe(true);
    expect(await spec()).toMatchObject({ acquireTime: now, renewTime: formatMicroTime(clock.now()) });
  });

  it('stops at the renew deadline when the store fails, counted from the sending of the last renewal', async () => {
    const a = run('a');
    await clock.step(1_000);
    a.line.fails = true;
    await clock.step(8_999);
    expect(a.leads()).toBe(true);
    expect(a.term?.lost.aborted).toBe(false);
    await clock.step(1);
    expect(a.leads()).toBe(false);
    expect(a.term?.lost.aborted).toBe(true);
    a.line.fails = false;
    await clock.step(60_000);
    expect(a.leads()).toBe(false);
    expect(a.election.state).toBe('lost');
  });

  it('stops at the renew deadline though a request never answers', async () => {
    const a = run('a');
    await clock.step(1_000);
    a.line.isMute = true;
    await clock.step(9_000);
    expect(a.term?.lost.aborted).toBe(true);
  });

  it('survives errors and slowness within the deadline', async () => {
    const a = run('a');
    await clock.step(1_000);
    a.line.fails = true;
    await clock.step(6_000);
    a.line.fails = false;
    await clock.step(2_000);
    a.line.delayMs = 4_000;
    await clock.step(60_000);
    expect(a.leads()).toBe(true);
  });

  it('leads on after a label of the lease was edited', async () => {
    const a = run('a');
    await clock.step(1_000);
    await store.patch(leases, lease, { metadata: { labels: { seen: 'yes' } } });
    await clock.step(30_000);
    expect(a.leads()).toBe(true);
    expect((await store.get(leases, lease))?.metadata.labels).toEqual({ seen: 'yes' });
  });

  it('makes the lease anew when it was deleted', async () => {
    const a = run('a');
    await clock.step(1_000);
    await store.delete(leases, lease);
    await clock.step(2_000);
    expect(a.leads()).toBe(true);
    expect((await spec())?.holderIdentity).toBe('a');
  });

  it('ends when another one holds the lease, whoever gave it', async () => {
    const a = run('a');
    await clock.step(1_000);
    await store.patch(leases, lease, { spec: { holderIdentity: 'thief' } });
    await clock.step(2_000);
    expect(a.leads()).toBe(false);
    expect(a.term?.lost.aborted).toBe(true);
    expect((await spec())?.holderIdentity).toBe('thief');
  });

  it('waits out a lease that it has never seen change, whatever the times in it say', async () => {
    for (const renewTime of ['2001-01-01T00:00:00.000000Z', '2101-01-01T00:00:00.000000Z']) {
      await store.delete(leases, lease).catch(() => undefined);
      const past = { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime, leaseTransitions: 4 };
      await store.create(leases, { apiVersion: leases.apiVersion, kind: 'Lease', metadata: lease, spec: past });
      const a = run(`a-${renewTime}`);
      await clock.step(14_999);
      expect(a.leads()).toBe(false);
      await clock.step(2_000);
      expect(a.leads()).toBe(true);
      expect(a.term?.transitions).toBe(5);
      await a.election[Symbol.asyncDispose]();
    }
  });

  it('refuses timings that would let two lead', () => {
    const odd = { leaseDurationMs: 10_000 };
    expect(() => startLeaderElection({ store, lease, identity: 'a', clock, logger, timings: odd })).toThrow(/exceed/);
  });

  it('says on disposal that it was never elected', async () => {
    const a = run('a');
    a.line.fails = true;
    await clock.step(0);
    await a.election[Symbol.asyncDispose]();
    await expect(a.election.elected).rejects.toThrow(/ended/);
  });
});

describe('several candidates', () => {
  it('make one leader of three that come at once', async () => {
    for (const identity of ['a', 'b', 'c']) run(identity);
    await pass(60_000);
    expect(leaders()).toBe(1);
    expect(runners.map((r) => r.election.holder)).toEqual(['a', 'a', 'a']);
  });

  it('hand over after a crash, not before the lease has expired, to exactly one', async () => {
    const a = run('a');
    await clock.step(1_000);
    run('b');
    run('c');
    await pass(9_000);
    // Nothing of it happens any more.
    a.line.fails = true;
    await pass(14_000);
    expect(leaders()).toBe(0);
    await pass(6_000);
    expect(leaders()).toBe(1);
    expect(await spec()).toMatchObject({ leaseTransitions: 1 });
    expect(runners.filter((r) => r.leads())[0]?.term?.transitions).toBe(1);
  });

  it('never lead two when one is paused past its lease: it knows at once when it comes back', async () => {
    const process = pausable();
    const a = run('a', { clock: process.clock });
    await clock.step(1_000);
    const b = run('b');
    await pass(5_000);
    process.pause();
    await pass(30_000);
    expect(b.leads()).toBe(true);
    // Before any of its timers has run.
    expect(a.term?.holds()).toBe(false);
    process.resume();
    expect(a.term?.holds()).toBe(false);
    await pass(30_000);
    expect(a.term?.lost.aborted).toBe(true);
    expect(b.leads()).toBe(true);
    expect((await spec())?.holderIdentity).toBe('b');
  });

  it('do not revive the term of one that was paused, though nobody else took the lease', async () => {
    const process = pausable();
    const a = run('a', { clock: process.clock });
    await clock.step(1_000);
    process.pause();
    await clock.step(30_000);
    process.resume();
    await clock.step(5_000);
    expect(a.leads()).toBe(false);
    expect(a.term?.lost.aborted).toBe(true);
  });

  it('take over quickly what is given up', async () => {
    const a = run('a');
    await clock.step(1_000);
    const b = run('b');
    await clock.step(10_000);
    await a.election[Symbol.asyncDispose]();
    expect(a.leads()).toBe(false);
    expect(a.term?.lost.aborted).toBe(false);
    expect(await spec()).toMatchObject({ holderIdentity: '', leaseTransitions: 0 });
    await pass(2_000);
    expect(b.leads()).toBe(true);
    expect(await spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it('wait in vain for one that cannot give it up, and no longer than its lease', async () => {
    const a = run('a');
    await clock.step(1_000);
    const b = run('b');
    a.line.isMute = false;
    a.line.fails = true;
    await a.election[Symbol.asyncDispose]();
    await pass(13_000);
    expect(b.leads()).toBe(false);
    await pass(4_500);
    expect(b.leads()).toBe(true);
  });

  it('do not take what a loser of the lease would give up', async () => {
    const a = run('a');
    await clock.step(1_000);
    a.line.fails = true;
    const b = run('b');
    await pass(30_000);
    expect(b.leads()).toBe(true);
    a.line.fails = false;
    await a.election[Symbol.asyncDispose]();
    await pass(5_000);
    expect(b.leads()).toBe(true);
  });

  it('are not held off by who only edits the labels of a dead one', async () => {
    const a = run('a');
    await clock.step(1_000);
    a.line.fails = true;
    const b = run('b');
    for (let i = 0; i < 10; i++) {
      await pass(2_000);
      await store.patch(leases, lease, { metadata: { labels: { turn: `${i}` } } });
    }
    expect(b.leads()).toBe(true);
  });

  it('give up on disposal what was won in the same moment', async () => {
    const a = run('a');
    a.line.delayMs = 1_000;
    const gone = a.election[Symbol.asyncDispose]();
    await clock.step(5_000);
    await gone;
    expect(a.term).toBeUndefined();
    expect((await spec())?.holderIdentity).toBe('');
  });
});

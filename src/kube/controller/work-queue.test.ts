import { beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { createWorkQueue, type KeyQueue } from './work-queue.ts';

const key = (name: string) => ({ namespace: 'test', name });

describe('a work queue', () => {
  let clock: SteppedClock;
  let queue: KeyQueue;
  let readyCalls: number;
  beforeEach(() => {
    clock = createSteppedClock();
    readyCalls = 0;
    queue = createWorkQueue({ clock, onReady: () => (readyCalls += 1) });
  });
  const takeAll = (): string[] => {
    const names: string[] = [];
    for (let taken = queue.take(); taken; taken = queue.take()) names.push(taken.key.name);
    return names;
  };

  it('hands keys out in the order in which they were first added, each once', () => {
    for (const name of ['a', 'b', 'a', 'c', 'b']) queue.add(key(name));
    expect(queue.depth).toBe(3);
    expect(readyCalls).toBe(3);
    expect(takeAll()).toEqual(['a', 'b', 'c']);
    expect(queue.depth).toBe(0);
  });

  it('keeps namespaces apart', () => {
    queue.add({ namespace: 'one', name: 'a' });
    queue.add({ namespace: 'two', name: 'a' });
    expect([queue.take()?.key, queue.take()?.key]).toEqual([
      { namespace: 'one', name: 'a' },
      { namespace: 'two', name: 'a' },
    ]);
  });

  it('never hands out a key that is being worked on, and hands it out once more when it was added meanwhile', () => {
    queue.add(key('a'));
    queue.take();
    queue.add(key('a'));
    queue.add(key('a'));
    expect(takeAll()).toEqual([]);
    queue.succeed(key('a'));
    expect(takeAll()).toEqual(['a']);
    queue.succeed(key('a'));
    expect(takeAll()).toEqual([]);
  });

  it('says how long a key has waited, from when it was first added', async () => {
    queue.add(key('a'));
    await clock.step(30);
    queue.add(key('a'));
    await clock.step(12);
    expect(queue.take()?.waitedMs).toBe(42);
  });

  it('adds a key later, at the earliest of the times asked for', async () => {
    queue.addAfter(key('a'), 100);
    queue.addAfter(key('a'), 50);
    queue.addAfter(key('a'), 200);
    await clock.step(49);
    expect(takeAll()).toEqual([]);
    await clock.step(1);
    expect(takeAll()).toEqual(['a']);
    queue.succeed(key('a'));
    await clock.step(1_000);
    expect(takeAll()).toEqual([]);
  });

  it.each([0, -1])('adds a key at once when it is to be added after %d ms', (afterMs) => {
    queue.addAfter(key('a'), afterMs);
    expect(takeAll()).toEqual(['a']);
  });

  it('keeps what was asked for later when the key is worked on before', async () => {
    queue.addAfter(key('a'), 100);
    queue.add(key('a'));
    expect(takeAll()).toEqual(['a']);
    queue.succeed(key('a'));
    await clock.step(100);
    expect(takeAll()).toEqual(['a']);
  });

  it('lets each success decide anew when to look again', async () => {
    queue.add(key('a'));
    queue.take();
    queue.succeed(key('a'), 100);
    queue.add(key('a'));
    queue.take();
    queue.succeed(key('a'), 300);
    await clock.step(299);
    expect(takeAll()).toEqual([]);
    await clock.step(1);
    expect(takeAll()).toEqual(['a']);
    queue.succeed(key('a'), 100);
    queue.add(key('a'));
    queue.take();
    queue.succeed(key('a'));
    await clock.step(1_000);
    expect(takeAll()).toEqual([]);
  });

  it('backs off from 5 ms, doubling up to five minutes, and starts afresh after a success', async () => {
    const failOnce = (): number => {
      queue.take();
      return queue.fail(key('a'));
    };
    queue.add(key('a'));
    const delays: number[] = [];
    for (let i = 0; i < 18; i++) {
      delays.push(failOnce());
      await clock.step((delays.at(-1) ?? 0) - 1);
      expect(queue.depth).toBe(0);
      await clock.step(1);
      expect(queue.depth).toBe(1);
    }
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(delays.slice(-2)).toEqual([300_000, 300_000]);
    queue.take();
    queue.succeed(key('a'));
    queue.add(key('a'));
    expect(failOnce()).toBe(5);
  });

  it('drops a retry that a later success has made pointless', async () => {
    queue.add(key('a'));
    queue.take();
    queue.fail(key('a'));
    queue.add(key('a'));
    queue.take();
    queue.succeed(key('a'));
    await clock.step(1_000);
    expect(takeAll()).toEqual([]);
  });

  it('is silent once it is disposed', async () => {
    queue.add(key('a'));
    queue.addAfter(key('b'), 10);
    queue[Symbol.dispose]();
    await clock.step(100);
    expect(takeAll()).toEqual([]);
  });
});

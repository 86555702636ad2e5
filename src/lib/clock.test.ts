import { describe, expect, it } from 'vitest';
import { createBackoff } from './backoff.ts';
import { createSteppedClock, sleep, systemClock } from './clock.ts';
import { formatTime, parseTime } from './time.ts';

describe('the stepped clock', () => {
  it('fires what falls due, in order, each at its own time', async () => {
    const clock = createSteppedClock(1_000);
    const seen: string[] = [];
    clock.schedule(20, () => seen.push(`b ${clock.now()}`));
    clock.schedule(10, () => seen.push(`a ${clock.now()}`));
    clock.schedule(31, () => seen.push('late'));
    await clock.step(30);
    expect(seen).toEqual(['a 1010', 'b 1020']);
    expect(clock.monotonic()).toBe(30);
  });

  it('lets go of what was disposed', async () => {
    const clock = createSteppedClock();
    let fired = false;
    clock.schedule(1, () => (fired = true))[Symbol.dispose]();
    await clock.step(2);
    expect(fired).toBe(false);
  });
});

describe('sleep', () => {
  it('ends at once when its signal aborts', async () => {
    const stop = new AbortController();
    const slept = sleep(createSteppedClock(), 1_000_000, stop.signal);
    stop.abort();
    await slept;
    await sleep(systemClock, 1_000_000, stop.signal);
  });
});

it('backs off by doubling, to a cap, with jitter below it', () => {
  const backoff = createBackoff({ baseMs: 5, capMs: 60 });
  expect([0, 1, 2, 3, 4, 1_000].map(backoff)).toEqual([5, 10, 20, 40, 60, 60]);
  expect(createBackoff({ baseMs: 5, capMs: 60, random: () => 0.5 })(1)).toBe(5);
});

it('reads the times that it writes, and nothing else', () => {
  expect(parseTime(formatTime(1_700_000_000_123))).toBe(1_700_000_000_123);
  expect(parseTime('soon')).toBeUndefined();
  expect(parseTime(undefined)).toBeUndefined();
});

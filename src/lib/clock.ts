/** Time as a dependency: code that waits or dates things takes a Clock, so tests step it. */
export interface Clock {
  /** Wall-clock time in epoch milliseconds: for dates that people read. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary start: for durations and deadlines. */
  monotonic(): number;
  /** Calls `fn` once after `delayMs`; disposing cancels it. */
  schedule(delayMs: number, fn: () => void): Disposable;
}

/** Node refuses longer timers and fires them at once instead: https://nodejs.org/api/timers.html */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: (delayMs, fn) => {
    const timer = setTimeout(fn, Math.min(Math.max(0, delayMs), longestTimerMs));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts (it never rejects: the caller looks at the signal). */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.schedule(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/** A clock that stands still until it is stepped. */
export interface SteppedClock extends Clock {
  /** Moves time on by `ms`, firing what falls due in order, and lets promise callbacks run in between. */
  step(ms: number): Promise<void>;
}

/** For tests. `startMs` is the first wall-clock reading, in epoch milliseconds. */
export function createSteppedClock(startMs = 1_700_000_000_000): SteppedClock {
  let elapsedMs = 0;
  const timers = new Set<Timer>();
  const nextDue = (limit: number): Timer | undefined =>
    [...timers].filter((t) => t.at <= limit).sort((a, b) => a.at - b.at)[0];
  const letPromisesRun = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    schedule: (delayMs, fn) => {
      const timer = { at: elapsedMs + Math.max(0, delayMs), fn };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    step: async (ms) => {
      const end = elapsedMs + ms;
      await letPromisesRun();
      for (let due = nextDue(end); due; due = nextDue(end)) {
        timers.delete(due);
        elapsedMs = due.at;
        due.fn();
        await letPromisesRun();
      }
      elapsedMs = end;
      await letPromisesRun();
    },
  };
}

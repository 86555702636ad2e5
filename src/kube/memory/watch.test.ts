import { expect, it } from 'vitest';
import { createSteppedClock } from '../../lib/clock.ts';
import { EventLog } from './event-log.ts';
import { LogWatch } from './watch.ts';

/** A log that counts who listens to it. */
class CountingLog extends EventLog {
  listeners = 0;

  override subscribe(listener: () => void): Disposable {
    const subscription = super.subscribe(listener);
    this.listeners += 1;
    return {
      [Symbol.dispose]: () => {
        subscription[Symbol.dispose]();
        this.listeners -= 1;
      },
    };
  }
}

function startWatch() {
  const log = new CountingLog(0, 4);
  const abort = new AbortController();
  const start = { log, fromVersion: 0, matches: () => true, clock: createSteppedClock(), currentVersion: () => 0 };
  return { log, abort, watch: new LogWatch(() => start, abort.signal) };
}

it('a watch that nobody reads listens to nothing', () => {
  expect(startWatch().log.listeners).toBe(0);
});

it.each([
  ['its reader leaves', ({ watch }: ReturnType<typeof startWatch>) => void watch.return()],
  ['it is aborted', ({ abort }: ReturnType<typeof startWatch>) => abort.abort()],
  ['its log is closed', ({ log }: ReturnType<typeof startWatch>) => log.close()],
])('a watch lets go of its log, and of who waits for it, when %s', async (_, end) => {
  const started = startWatch();
  const reading = started.watch.next().catch(() => undefined);
  expect(started.log.listeners).toBe(1);
  end(started);
  expect(started.log.listeners).toBe(0);
  await reading;
});

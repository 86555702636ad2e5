import { expect, it } from 'vitest';
import { createSteppedClock } from '../../lib/clock.ts';
import { createReadiness, staleAfterMs } from './readiness.ts';

it('is ready when nothing speaks against it', () => {
  const readiness = createReadiness(createSteppedClock());
  expect([readiness.because(), readiness.isServing]).toEqual(['It starts.', false]);
  readiness.set(undefined);
  expect([readiness.because(), readiness.isServing]).toEqual([undefined, true]);
  readiness.set('It is ending.');
  expect([readiness.because(), readiness.isServing]).toEqual(['It is ending.', false]);
});

it('names whom it has not heard of for too long, and is ready when it hears again', async () => {
  const clock = createSteppedClock();
  const readiness = createReadiness(clock);
  const sessions = { lastContactMs: 0 };
  readiness.set(undefined);
  readiness.follow({ sessions });
  readiness.follow({ pods: { lastContactMs: staleAfterMs } });
  await clock.step(staleAfterMs);
  expect(readiness.because()).toBeUndefined();
  await clock.step(1);
  expect(readiness.because()).toBe('No contact with the API server for more than 200 s: sessions.');
  expect(readiness.isServing).toBe(true);
  sessions.lastContactMs = clock.monotonic();
  expect(readiness.because()).toBeUndefined();
});

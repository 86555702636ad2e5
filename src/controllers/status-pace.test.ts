import { beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../lib/clock.ts';
import { isUnacknowledged, StatusPace } from './status-pace.ts';

let clock: SteppedClock;
let pace: StatusPace;
beforeEach(() => {
  clock = createSteppedClock();
  pace = new StatusPace(clock);
});

describe('a status that sums up many objects', () => {
  it('is due a second after the first change, however many follow', async () => {
    expect(pace.dueInMs('a', false)).toBe(1_000);
    await clock.step(400);
    expect(pace.dueInMs('a', false)).toBe(600);
    await clock.step(600);
    expect(pace.dueInMs('a', false)).toBe(0);
  });

  it('is not due for what has gone again', async () => {
    pace.dueInMs('a', false);
    await clock.step(500);
    pace.said('a', 'already');
    await clock.step(500);
    expect(pace.dueInMs('a', false)).toBe(1_000);
  });

  it('is due at once when somebody waits for it, but not twice a second', async () => {
    expect(pace.dueInMs('a', true)).toBe(0);
    pace.said('a', 'written');
    await clock.step(100);
    expect(pace.dueInMs('a', true)).toBe(900);
  });

  it('has a pace of its own', () => {
    pace.said('a', 'written');
    expect(pace.dueInMs('b', true)).toBe(0);
  });
});

describe('an object', () => {
  it.each([
    ['without a status', { metadata: { generation: 1 } }, true],
    ['whose status is of an older spec', { metadata: { generation: 2 }, status: { observedGeneration: 1 } }, true],
    ['whose status is of its spec', { metadata: { generation: 2 }, status: { observedGeneration: 2 } }, false],
    ['that counts no generations', { metadata: {}, status: { observedGeneration: 1 } }, false],
  ])('%s', (_what, object, expected) => {
    expect(isUnacknowledged(object)).toBe(expected);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { createExpectations, type Expectations } from './expectations.ts';

describe('expectations', () => {
  let clock: SteppedClock;
  let expectations: Expectations;
  beforeEach(() => {
    clock = createSteppedClock();
    expectations = createExpectations({ clock, expiryMs: 1_000 });
  });

  it('are pending until they are observed', () => {
    expectations.expect('pool', 'pod-1');
    expectations.expect('pool', 'pod-2');
    expectations.expect('other', 'pod-3');
    expect(expectations.pending('pool')).toEqual(['pod-1', 'pod-2']);
    expectations.observed('pod-1');
    expect(expectations.pending('pool')).toEqual(['pod-2']);
    expectations.observed('pod-2');
    expect(expectations.pending('pool')).toEqual([]);
    expect(expectations.pending('other')).toEqual(['pod-3']);
  });

  it('do not mind what nobody expects', () => {
    expectations.observed('stranger');
    expect(expectations.pending('pool')).toEqual([]);
  });

  it('are given up one by one when their time is over', async () => {
    expectations.expect('pool', 'early');
    await clock.step(600);
    expectations.expect('pool', 'late');
    await clock.step(399);
    expect(expectations.pending('pool')).toEqual(['early', 'late']);
    await clock.step(1);
    expect(expectations.pending('pool')).toEqual(['late']);
    await clock.step(600);
    expect(expectations.pending('pool')).toEqual([]);
  });

  it('wait anew when the same id is expected again', async () => {
    expectations.expect('pool', 'pod');
    await clock.step(900);
    expectations.expect('other', 'pod');
    await clock.step(900);
    expect(expectations.pending('pool')).toEqual([]);
    expect(expectations.pending('other')).toEqual(['pod']);
  });
});

import { describe, expect, it } from 'vitest';
import { isTooLong, prolongSilence } from './silence.ts';

describe('a silence', () => {
  const first = prolongSilence(undefined, { sinceMs: 1_000, untilMs: 3_000 });

  it('lasts from the first call to the end of the last', () => {
    const second = prolongSilence(first, { sinceMs: 4_000, untilMs: 6_000 });
    expect(second).toEqual({ sinceMs: 1_000, untilMs: 6_000 });
    expect(isTooLong(second)).toBe(false);
    expect(isTooLong(prolongSilence(second, { sinceMs: 9_000, untilMs: 11_000 }))).toBe(true);
  });

  it('goes on for one that had to wait for its turn, if its Pod has not been Ready meanwhile', () => {
    const call = { sinceMs: 100_000, untilMs: 102_000 };
    expect(prolongSilence(first, call, 500)).toEqual({ sinceMs: 1_000, untilMs: 102_000 });
    expect(prolongSilence(first, call, 50_000)).toEqual(call);
  });

  it('is another one when nobody has asked for a while', () => {
    const later = prolongSilence(first, { sinceMs: 13_000, untilMs: 15_000 });
    expect(later).toEqual({ sinceMs: 13_000, untilMs: 15_000 });
  });
});

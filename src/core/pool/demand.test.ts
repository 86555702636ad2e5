import { describe, expect, it } from 'vitest';
import { arrivalRateAt, noDemand, warmNeeded, withArrival, withBoot } from './demand.ts';

describe('demand', () => {
  it('finds the rate of steady arrivals', () => {
    let demand = noDemand;
    for (let ms = 0; ms <= 600_000; ms += 500) demand = withArrival(demand, ms, true);
    expect(demand.arrivalsPerSecond).toBeCloseTo(2, 1);
  });

  it('halves in a minute of silence', () => {
    const demand = withArrival(noDemand, 0, true);
    expect(arrivalRateAt(demand, 60_000)).toBeCloseTo(demand.arrivalsPerSecond / 2);
  });

  it('follows hits and boots', () => {
    expect(withArrival(noDemand, 0, false).hitRatio).toBeLessThan(1);
    expect(withBoot(noDemand, 3_000).bootTimeMs).toBe(1_500);
  });

  it.each([
    [0, 0.95, 0],
    [0.000_4, 0.95, 0],
    [0.01, 0.95, 1],
    [1, 0.95, 4],
    [1, 0.5, 2],
    [10, 0.95, 16],
  ])('with %d arrivals a boot and a target of %d wants %d warm', (mean, target, wanted) => {
    expect(warmNeeded(mean, target)).toBe(wanted);
  });

  it('stays finite whatever is asked', () => {
    expect(warmNeeded(1_000, 1)).toBeLessThan(1_300);
  });
});

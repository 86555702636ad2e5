/** What a pool has seen of late. All of it decays: an hour ago says nothing about now. */
export interface Demand {
  /** Sessions per second, exponentially weighted with {@link halfLifeMs}. */
  readonly arrivalsPerSecond: number;
  /** Share of sessions that found a warm sandbox, of the last few dozen. */
  readonly hitRatio: number;
  /** Milliseconds from a pod's creation to its being usable, of the last few. */
  readonly bootTimeMs: number;
  /** Monotonic milliseconds of the last arrival counted. */
  readonly atMs: number;
}

const halfLifeMs = 60_000;
const hitWeight = 1 / 32;
const bootWeight = 1 / 4;

/** Before anything is known: a Chromium on a busy machine takes about a second. */
export const noDemand: Demand = { arrivalsPerSecond: 0, hitRatio: 1, bootTimeMs: 1_000, atMs: 0 };

export function arrivalRateAt(demand: Demand, nowMs: number): number {
  return demand.arrivalsPerSecond * 2 ** (-Math.max(0, nowMs - demand.atMs) / halfLifeMs);
}

export function withArrival(demand: Demand, nowMs: number, hit: boolean): Demand {
  // Each arrival adds an impulse whose decaying integral is one session.
  const impulse = (Math.LN2 / halfLifeMs) * 1000;
  return {
    ...demand,
    arrivalsPerSecond: arrivalRateAt(demand, nowMs) + impulse,
    hitRatio: demand.hitRatio + hitWeight * (Number(hit) - demand.hitRatio),
    atMs: nowMs,
  };
}

export function withBoot(demand: Demand, bootTimeMs: number): Demand {
  return { ...demand, bootTimeMs: demand.bootTimeMs + bootWeight * (bootTimeMs - demand.bootTimeMs) };
}

/** With a boot of one second: a session every half hour. For that nobody keeps a browser warm unless told to by `warm.min`. */
const negligibleMean = 0.000_5;

/**
 * Warm sandboxes needed so that a session finds one with probability `targetHitRatio`: arrivals while a replacement boots are
 * Poisson with mean rate × boot time; the answer is the least n of which at most n − 1 arrive meanwhile that often.
 * (The base-stock rule of inventory theory.)
 */
export function warmNeeded(meanArrivalsPerBoot: number, targetHitRatio: number): number {
  if (meanArrivalsPerBoot < negligibleMean) return 0;
  const enough = Math.min(targetHitRatio, 0.9999);
  const atMost = Math.ceil(meanArrivalsPerBoot + 6 * Math.sqrt(meanArrivalsPerBoot) + 6);
  let term = Math.exp(-meanArrivalsPerBoot);
  let cumulative = term;
  let n = 1;
  while (cumulative < enough && n < atMost) {
    term *= meanArrivalsPerBoot / n;
    cumulative += term;
    n += 1;
  }
  return n;
}

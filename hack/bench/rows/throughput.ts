import { availableParallelism } from 'node:os';
import { startPorthole, type Porthole } from '../porthole.ts';
import type { Row } from '../report.ts';
import type { Run } from '../run.ts';
import { median, quantile, ratioOf } from '../statistics.ts';

/** What a sandbox requests of a machine's CPU, in thousandths of a core: `sandboxRequests` and the proxy's in the Pod. */
const cpuMillisPerSandbox = 100;
const rounds: Readonly<Record<number, number>> = { 1: 12, 5: 8, 20: 5 };
const refusedMs = 5_000;
const callers = 16;

interface Burst {
  /** First POST → last 201, in milliseconds. */
  readonly createdMs: number;
  readonly each: readonly number[];
  /** First DELETE → last 204, in milliseconds. */
  readonly deletedMs: number;
}

async function burst(porthole: Porthole, parallel: number): Promise<Burst> {
  const startedAt = performance.now();
  const created = await Promise.all(Array.from({ length: parallel }, () => porthole.create()));
  const createdAt = performance.now();
  await Promise.all(created.map(({ id }) => porthole.end(id)));
  const each = created.map(({ ms }) => ms);
  return { createdMs: createdAt - startedAt, each, deletedMs: performance.now() - createdAt };
}

async function measureBursts(run: Run, porthole: Porthole, parallel: number, full: number): Promise<readonly Burst[]> {
  const bursts: Burst[] = [];
  const all = run.samples(rounds[parallel] ?? 1) + 1;
  for (let round = 0; round < all; round++) {
    run.progress(`throughput: ${parallel} at once, round ${round + 1} of ${all} (the first does not count)`);
    await porthole.untilWarm(full);
    bursts.push(await burst(porthole, parallel));
  }
  return bursts.slice(1);
}

function burstRow(parallel: number, bursts: readonly Burst[], one: readonly Burst[]): Row {
  const ms = (value: number) => ({ value, unit: 'ms' }) as const;
  const wholes = bursts.map(({ createdMs }) => createdMs);
  const each = bursts.flatMap((b) => b.each);
  const single = one.map(({ createdMs }) => createdMs);
  return {
    section: 'throughput',
    name: parallel === 1 ? 'one session alone, ready after' : `${parallel} sessions at once, all ready after`,
    figure: ms(median(wholes)),
    details: {
      'one of them, p50': ms(median(each)),
      p95: ms(quantile(each, 0.95)),
      'all deleted after': ms(median(bursts.map(({ deletedMs }) => deletedMs))),
      rate: { value: (parallel * 1000) / median(wholes), unit: '1/s' },
      n: bursts.length,
    },
    ...(parallel > 1 && {
      baseline: { name: `${parallel} × one alone`, figure: ms(parallel * median(single)) },
      ratio: ratioOf(
        wholes,
        single.map((value) => value * parallel),
      ),
    }),
  };
}

async function measureWarmBursts(run: Run): Promise<void> {
  const most = Math.floor((availableParallelism() * 1000) / cpuMillisPerSandbox);
  const sizes = [1, 5, 20].filter((parallel) => parallel <= most);
  const full = Math.max(...sizes);
  if (full < 20) run.remark(`This machine has room for ${most} sandboxes: 20 at once are left out.`);
  const limits = { PORTHOLE_WARM_MIN: full, PORTHOLE_WARM_MAX: full, PORTHOLE_MAX_SANDBOXES: full };
  await using porthole = await startPorthole(run, { ...limits, PORTHOLE_MAX_CONCURRENT_SESSIONS: full }, full);
  let one: readonly Burst[] = [];
  for (const parallel of sizes) {
    const bursts = await measureBursts(run, porthole, parallel, full);
    if (parallel === 1) one = bursts;
    run.add(burstRow(parallel, bursts, one));
  }
}

/** How many requests are answered in a second, all of them with `status`, by `callers` that ask one after the other. */
async function ratePerSecond(ask: () => Promise<number>, status: number): Promise<number> {
  const startedAt = performance.now();
  const deadline = startedAt + refusedMs;
  let answers = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < deadline) {
      const got = await ask();
      if (got !== status) throw new Error(`a request was answered ${got} instead of ${status}`);
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (answers * 1000) / (performance.now() - startedAt);
}

async function measureRefused(run: Run): Promise<void> {
  const limits = { PORTHOLE_WARM_MIN: 0, PORTHOLE_MAX_CONCURRENT_SESSIONS: 1 };
  await using porthole = await startPorthole(run, limits, callers);
  const { id } = await porthole.create();
  await porthole.quiet();
  const rates: { readonly overQuota: number[]; readonly unknownKey: number[] } = { overQuota: [], unknownKey: [] };
  const all = run.samples(4) + 1;
  for (let round = 0; round < all; round++) {
    run.progress(`throughput: refused requests, round ${round + 1} of ${all} (the first does not count)`);
    rates.overQuota.push(await ratePerSecond(() => porthole.tryCreate(), 503));
    rates.unknownKey.push(await ratePerSecond(() => porthole.tryCreate('no-such-key'), 401));
  }
  await porthole.end(id);
  const [overQuota, unknownKey] = [rates.overQuota.slice(1), rates.unknownKey.slice(1)];
  run.add({
    section: 'throughput',
    name: `POSTs over the quota, refused, ${callers} callers`,
    figure: { value: median(overQuota), unit: '1/s' },
    details: { n: overQuota.length },
    baseline: { name: 'POSTs with an unknown key', figure: { value: median(unknownKey), unit: '1/s' } },
    ratio: ratioOf(overQuota, unknownKey),
  });
}

/** Sessions in parallel on a full warm pool, and how fast the quota says no. */
export async function measureThroughput(run: Run): Promise<void> {
  await measureWarmBursts(run);
  await measureRefused(run);
}

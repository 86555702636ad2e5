import { setTimeout as delay } from 'node:timers/promises';
import { attachToPage } from '../cdp-connection.ts';
import { openHops, type Hop, type HopName } from '../hops.ts';
import { startPorthole } from '../porthole.ts';
import { cpuSecondsOf } from '../processes.ts';
import type { Row } from '../report.ts';
import type { Run } from '../run.ts';
import { median, ratioOf, shuffled, summarize } from '../statistics.ts';
import { noCallSamples, timeCalls, trivialCalls, type CallSamples, type TrivialCall } from '../trivial-calls.ts';

const bulkRounds = 12;
const bulkBytes = 32 * 1024 * 1024;
const gatewayTarget = 1.3;
const wholeTarget = 2;

type Samples = CallSamples<HopName>;

const of = (samples: Samples, name: HopName): readonly number[] => samples.get(name) ?? [];

/** A page's CDP session by way. */
type PageSessions = ReadonlyMap<HopName, string>;

const microseconds = (value: number) => ({ value, unit: 'µs' }) as const;

/** Rows of one kind of call. */
function callRows({ method }: TrivialCall, samples: Samples): Row[] {
  const rowOf = (name: HopName): Row => {
    const { p50, p95, p99, count } = summarize(of(samples, name));
    const details = { p95: microseconds(p95), p99: microseconds(p99), n: count };
    return { section: 'cdp', name: `${method}, ${name}`, figure: microseconds(p50), details };
  };
  const beside = (name: HopName, other: HopName, atMost?: number): Row => ({
    ...rowOf(name),
    baseline: { name: other, figure: rowOf(other).figure },
    ratio: ratioOf(of(samples, name), of(samples, other)),
    ...(atMost !== undefined && { target: { of: 'ratio', atMost } }),
  });
  return [
    rowOf('direct'),
    ...(samples.has('nginx') ? [beside('nginx', 'direct'), beside('gateway', 'nginx', gatewayTarget)] : []),
    beside('gateway', 'direct'),
    beside('agent', 'direct'),
    beside('whole path', 'direct', wholeTarget),
  ];
}

interface Bulk {
  readonly seconds: Samples;
  /** CPU seconds for all that went by. */
  readonly cpu: Map<HopName, number>;
}

/** A large answer on each way in turn. */
async function timeBulk(run: Run, hops: readonly Hop[], pages: PageSessions): Promise<Bulk> {
  const bulk: Bulk = { seconds: noCallSamples(hops), cpu: new Map() };
  const params = { expression: `'x'.repeat(${bulkBytes})`, returnByValue: true };
  const rounds = run.samples(bulkRounds);
  for (let round = -1; round < rounds; round++) {
    run.progress(`cdp: bulk ${Math.max(round + 1, 0)} of ${rounds}`);
    for (const { name, cdp, pids } of shuffled(hops, round + 1)) {
      await delay(100); // garbage of the one before
      const [cpuBefore, startedAt] = [cpuSecondsOf(pids), performance.now()];
      const answer = await cdp.call('Runtime.evaluate', params, pages.get(name));
      const seconds = (performance.now() - startedAt) / 1000;
      if (answer.length < bulkBytes) throw new Error(`the answer has ${answer.length} bytes only`);
      if (round < 0) continue; // warming up
      bulk.seconds.get(name)?.push(seconds);
      bulk.cpu.set(name, (bulk.cpu.get(name) ?? 0) + cpuSecondsOf(pids) - cpuBefore);
    }
  }
  return bulk;
}

function bulkRows({ seconds, cpu }: Bulk): Row[] {
  const rate = (name: HopName): number => bulkBytes / 1e6 / median(of(seconds, name));
  const directRate = { value: rate('direct'), unit: 'MB/s' } as const;
  return [...seconds.keys()].map((name): Row => {
    const gigabytes = (bulkBytes * of(seconds, name).length) / 1e9;
    const cost = { value: (cpu.get(name) ?? 0) / gigabytes, unit: 's/GB' } as const;
    const inverse = ratioOf(of(seconds, 'direct'), of(seconds, name));
    return {
      section: 'cdp',
      name: `bulk answer of ${bulkBytes / 2 ** 20} MiB, ${name}`,
      figure: { value: rate(name), unit: 'MB/s' },
      details: { ...(name !== 'direct' && { CPU: cost }), n: of(seconds, name).length },
      ...(name !== 'direct' && { baseline: { name: 'direct', figure: directRate }, ratio: inverse }),
    };
  });
}

/** CDP through each hop by itself and through all of them, to one and the same browser, call by call in turn. */
export async function measureCdp(run: Run): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const limits = { PORTHOLE_WARM_MIN: 1, PORTHOLE_WARM_MAX: 1, PORTHOLE_MAX_SANDBOXES: 1 };
  const porthole = stack.use(await startPorthole(run, limits));
  await porthole.untilWarm(1);
  const hops = await openHops(run, porthole, stack);
  await porthole.quiet();
  const pages = new Map<HopName, string>();
  for (const hop of hops) pages.set(hop.name, await attachToPage(hop.cdp));
  for (const call of trivialCalls) {
    for (const row of callRows(call, await timeCalls(run, call, { title: 'cdp', ways: hops, pages }))) run.add(row);
  }
  for (const row of bulkRows(await timeBulk(run, hops, pages))) run.add(row);
}

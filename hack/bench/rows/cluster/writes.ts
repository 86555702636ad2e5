import { setTimeout as delay } from 'node:timers/promises';
import { countByWriter, criticalPaths, isWrite, writerOf, type AuditedRequest } from '../../cluster/audit.ts';
import type { ClusterWorld } from '../../cluster/world.ts';
import { adminUser } from '../../../cluster/control-plane.ts';
import type { Measure, Row } from '../../report.ts';
import type { Run } from '../../run.ts';
import { median } from '../../statistics.ts';
import { section } from './row.ts';

const pool = { warm: 20, most: 60 };
const livesAlone = 20;
const livesInStream = 200;
/** Callers of the stream. */
const callers = 10;
/** Long enough that the pod says whose it is: what is written late counts too. */
const heldMs = 2_500;
const targets = { inSeries: 2, operator: 6, all: 14 } as const;

const requests = (value: number): Measure => ({ value, unit: 'requests' });

/** Statuses of pool and account are written at most once a second: by then the last of them are. */
const statusesWrittenMs = 1_500;

async function stillness(world: ClusterWorld): Promise<void> {
  await world.settled({ warm: pool.warm });
  await delay(statusesWrittenMs);
}

async function live(world: ClusterWorld, forMs: number): Promise<void> {
  const { id } = await world.caller.create();
  await delay(forMs);
  await world.caller.end(id);
}

/** Each begins when nothing is left to do for the one before. */
async function liveOneByOne(world: ClusterWorld, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await live(world, heldMs);
    await stillness(world);
  }
}

async function liveInStream(world: ClusterWorld, count: number, forMs: number): Promise<void> {
  let begun = 0;
  const caller = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      await live(world, forMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** What the API server is asked for while `lives` go by, until their replacements are warm. */
async function audited(world: ClusterWorld, lives: () => Promise<void>): Promise<readonly AuditedRequest[]> {
  await stillness(world);
  const since = Date.now();
  await lives();
  await stillness(world);
  const until = Date.now();
  const all = await world.audit();
  // The administrator is the bench itself.
  return all.filter((r) => r.receivedMs >= since && r.receivedMs <= until && r.user !== adminUser);
}

function writerRows(name: string, all: readonly AuditedRequest[], count: number): Row[] {
  const written = all.filter(isWrite);
  const byOperator = written.filter((request) => writerOf(request) === 'operator');
  const details = (of: readonly AuditedRequest[]): Readonly<Record<string, Measure>> =>
    Object.fromEntries(
      [...countByWriter(of)].flatMap(([writer, counts]) =>
        [...counts].map(([what, n]) => [`${writer}: ${what}`, requests(n / count)]),
      ),
    );
  return [
    {
      section,
      name: `${name}: writes by the operator`,
      figure: requests(byOperator.length / count),
      details: details(byOperator),
      target: { of: 'figure', atMost: targets.operator },
    },
    {
      section,
      name: `${name}: writes by all`,
      figure: requests(written.length / count),
      details: details(written),
      target: { of: 'figure', atMost: targets.all },
    },
    {
      section,
      name: `${name}: requests by all, reads and watches included`,
      figure: requests(all.length / count),
      details: details(all.filter((request) => !isWrite(request))),
    },
  ];
}

/** Counted at the API server, on a control plane of its own: the audit log costs time. */
export async function measureWrites(run: Run, world: ClusterWorld): Promise<void> {
  await world.resizePool(pool);
  const aloneCount = run.samples(livesAlone);
  run.progress(`cluster: requests of ${aloneCount} lives, each alone`);
  const alone = await audited(world, () => liveOneByOne(world, aloneCount));
  const lengths = criticalPaths(alone).map((path) => path.length);
  run.add({
    section,
    name: 'writes in series before the 201',
    figure: requests(Math.max(...lengths)),
    details: { median: median(lengths), n: lengths.length },
    target: { of: 'figure', atMost: targets.inSeries },
  });
  for (const row of writerRows(`a life of ${heldMs / 1000} s, alone`, alone, aloneCount)) run.add(row);
  const streamCount = run.samples(livesInStream);
  for (const forMs of [heldMs, 0]) {
    const name = forMs > 0 ? `a life of ${forMs / 1000} s` : 'a life deleted at once';
    run.progress(`cluster: requests of ${streamCount} lives, ${callers} at a time; ${name}`);
    const stream = await audited(world, () => liveInStream(world, streamCount, forMs));
    for (const row of writerRows(`${name}, ${callers} at a time`, stream, streamCount)) run.add(row);
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { cpuSince, readCpu } from '../../cluster/cpu.ts';
import { seedSessions } from '../../cluster/seed-sessions.ts';
import type { ClusterWorld } from '../../cluster/world.ts';
import { memoryOf, peakResidentOf } from '../../processes.ts';
import type { Measure } from '../../report.ts';
import type { Run } from '../../run.ts';
import { milliseconds } from '../../latency-row.ts';
import { cpuDetails, latencyRow, section } from './row.ts';

const sessions = 10_000;
const warm = 20;
const claims = 100;
const idleMs = 30_000;
const settleMs = 10_000;
const pauseMs = 50;
const memoryTargetMB = 200;
/** Of a core: timers, heartbeats and the lease take something. What looks at all sessions again and again takes more. */
const idleTargetPercent = 2;

const megabytes = (bytes: number): Measure => ({ value: bytes / 1e6, unit: 'MB' });

async function measureIdle(run: Run, world: ClusterWorld, count: number): Promise<void> {
  const forMs = run.samples(idleMs);
  run.progress(`cluster: idle with ${count} sessions for ${forMs / 1000} s`);
  const before = readCpu(world.pids);
  await delay(forMs);
  const percent = new Map([...cpuSince(before, world.pids)].map(([name, ms]) => [name, (ms * 100) / forMs]));
  run.add({
    section,
    name: `CPU of the operator, ${count} sessions that do nothing`,
    figure: { value: percent.get('operator') ?? 0, unit: '%' },
    details: Object.fromEntries([...percent].map(([name, value]) => [name, { value, unit: '%' } as const])),
    target: { of: 'figure', atMost: idleTargetPercent },
  });
}

function addMemory(run: Run, world: ClusterWorld, details: { count: number; readyMs: number }): void {
  const pid = world.pids.get('operator') ?? 0;
  const rss = memoryOf([pid])?.rss ?? 0;
  run.add({
    section,
    name: `memory of the operator, resident, ${details.count} sessions`,
    figure: megabytes(rss),
    details: { 'at most': megabytes(peakResidentOf(pid)), 'start → leading and ready': milliseconds(details.readyMs) },
    target: { of: 'figure', atMost: memoryTargetMB },
  });
}

async function measureClaims(run: Run, world: ClusterWorld, count: number): Promise<void> {
  const ms: number[] = [];
  await world.settled({ warm, claimed: count });
  const before = readCpu(world.pids);
  const all = run.samples(claims);
  for (let i = 0; i < all; i++) {
    if (i % warm === 0) run.progress(`cluster: claims beside ${count} sessions, ${i} of ${all}`);
    await delay(pauseMs);
    const created = await world.caller.create();
    ms.push(created.ms);
    await world.caller.end(created.id);
  }
  await world.settled({ warm, claimed: count });
  run.add(latencyRow(`warm POST → 201 beside ${count} sessions`, ms));
  const cpu = cpuSince(before, world.pids, all);
  const operator = cpu.get('operator') ?? 0;
  run.add({
    section,
    name: `CPU of the operator for a life beside ${count} sessions`,
    figure: milliseconds(operator),
    details: cpuDetails(cpu),
  });
}

/** An operator that takes over so many sessions, has them, and serves some more. The control plane runs; no other process does. */
export async function measureManySessions(run: Run, world: ClusterWorld): Promise<void> {
  const count = run.samples(sessions);
  await seedSessions(world, count, (made) => run.progress(`cluster: ${made} of ${count} sessions are there`));
  await world.settled({ warm: 0, claimed: count });
  const startedAt = performance.now();
  await world.start('operator');
  const readyMs = performance.now() - startedAt;
  await world.resizePool({ warm, most: count + warm });
  await world.settled({ warm, claimed: count });
  await delay(settleMs);
  addMemory(run, world, { count, readyMs });
  await measureIdle(run, world, count);
  await world.start('facade');
  await measureClaims(run, world, count);
}

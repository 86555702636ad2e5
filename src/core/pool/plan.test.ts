import { describe, expect, it } from 'vitest';
import { pod, pool, startMs, type PodKind } from '../../../test/support/objects.ts';
import { PoolBook } from './book.ts';
import { planPool, type PoolInput } from './plan.ts';

interface World {
  readonly spec?: object;
  readonly pods?: readonly (readonly [PodKind, string, object?])[];
  readonly over?: Partial<PoolInput>;
}

function plan({ spec = {}, pods = [], over = {} }: World): {
  create: number;
  remove: string[];
  givenUp: number;
  next: number | undefined;
} {
  const book = new PoolBook();
  for (const [kind, name, meta] of pods) book.observe(pod(kind, name, meta));
  const planned = planPool({
    nowMs: startMs + 1_000,
    spec: pool({ warm: { min: 2, max: 4 }, maxSandboxes: 10, ...spec }).spec,
    counts: book.counts('default'),
    spare: book.spare('default'),
    expected: 0,
    templateHash: 'h',
    arrivalsPerSecond: 0,
    bootTimeMs: 1_000,
    startFailures: 0,
    sinceFailureMs: 0,
    noRoomForMs: 0,
    waitingSessions: 0,
    heldBackMs: 0,
    ...over,
  });
  return {
    create: planned.create,
    remove: planned.remove.map((e) => e.pod.metadata.name),
    givenUp: planned.givenUp.length,
    next: planned.next?.afterMs,
  };
}

const old = { labels: { 'porthole.dev/pool': 'default', 'porthole.dev/template-hash': 'old' } };
const rows: readonly (readonly [string, World, Partial<ReturnType<typeof plan>>])[] = [
  ['fills an empty pool to its minimum', {}, { create: 2, remove: [] }],
  [
    'counts what is starting',
    {
      pods: [
        ['starting', '1'],
        ['warm', '2'],
      ],
    },
    { create: 0 },
  ],
  ['counts what was asked for and has not shown yet', { over: { expected: 1 } }, { create: 1 }],
  [
    'does not count what is claimed or ending',
    {
      pods: [
        ['claimed', '1'],
        ['ending', '2'],
      ],
    },
    { create: 2 },
  ],
  [
    'does not add to what waits for a node',
    {
      pods: [
        ['unschedulable', '1'],
        ['unschedulable', '2'],
      ],
    },
    { create: 0 },
  ],
  [
    'replaces the dead',
    {
      pods: [
        ['failed', '1'],
        ['warm', '2'],
      ],
    },
    { create: 1, remove: ['1'] },
  ],
  [
    'replaces what was made from another template',
    {
      pods: [
        ['warm', '1', old],
        ['warm', '2'],
      ],
    },
    { create: 1, remove: ['1'] },
  ],
  [
    'removes what is too many, those without a browser first',
    {
      spec: { warm: { min: 1, max: 4 } },
      pods: [
        ['starting', '1'],
        ['warm', '2'],
        ['unschedulable', '3'],
      ],
    },
    { create: 0, remove: ['1', '3'] },
  ],
  ['never exceeds the ceiling', { spec: { maxSandboxes: 2 }, pods: [['claimed', '1']] }, { create: 1 }],
  [
    'removes warm ones when the ceiling falls',
    {
      spec: { maxSandboxes: 1 },
      pods: [
        ['claimed', '1'],
        ['warm', '2'],
      ],
    },
    { create: 0, remove: ['2'] },
  ],
  ['grows with demand', { over: { arrivalsPerSecond: 1 } }, { create: 4 }],
  ['grows no further than its maximum', { over: { arrivalsPerSecond: 100 } }, { create: 4 }],
  ['lets sessions that wait go first', { over: { waitingSessions: 1 } }, { create: 0, next: 50 }],
  [
    'refills after a second even while sessions wait',
    { over: { waitingSessions: 1, heldBackMs: 1_000 } },
    { create: 2 },
  ],
  ['starts at most eight at once', { spec: { warm: { min: 20, max: 20 }, maxSandboxes: 100 } }, { create: 8 }],
  [
    'backs off when sandboxes die while starting',
    { over: { startFailures: 3, sinceFailureMs: 1_000 } },
    { create: 0, next: 3_000 },
  ],
  [
    'waits when the API server had no room for the last one',
    { over: { noRoomForMs: 5_000 } },
    { create: 0, next: 5_000 },
  ],
  ['tries again after the back-off', { over: { startFailures: 3, sinceFailureMs: 4_000 } }, { create: 2 }],
  [
    'gives up what is not usable by the startup deadline, and replaces it',
    {
      pods: [
        ['starting', '1'],
        ['warm', '2'],
      ],
      over: { nowMs: startMs + 30_000 },
    },
    { create: 1, remove: ['1'], givenUp: 1 },
  ],
  [
    'gives nothing up that waits for a node',
    {
      pods: [
        ['unschedulable', '1'],
        ['warm', '2'],
      ],
      over: { nowMs: startMs + 30_000 },
    },
    { create: 0, remove: [], givenUp: 0 },
  ],
  [
    'replaces what has been warm for a day, one at a time',
    {
      pods: [
        ['warm', '1'],
        ['warm', '2'],
      ],
      over: { nowMs: startMs + 86_400_000 },
    },
    { create: 1, remove: ['1'], givenUp: 0 },
  ],
  [
    'replaces nothing of age while another is starting',
    {
      pods: [
        ['warm', '1'],
        ['warm', '2'],
      ],
      over: { nowMs: startMs + 86_400_000, expected: 1 },
    },
    { create: 0, remove: [] },
  ],
  [
    'keeps nothing warm when told so',
    { spec: { warm: { min: 0, max: 0 } }, pods: [['warm', '1']] },
    { create: 0, remove: ['1'] },
  ],
];

describe('planPool', () => {
  it.each(rows)('%s', (_name, world, expected) => {
    expect(plan(world)).toMatchObject(expected);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { readPodMemory, type PodMemory } from '../../node/pod-memory.ts';
import type { Measure, Row } from '../../report.ts';
import type { Run } from '../../run.ts';
import { median } from '../../statistics.ts';
import type { MeasuredNode } from '../../node/measured-node.ts';
import { section } from './row.ts';

const pool = 3;
/** What a browser allocates at its start and gives back, it has given back by then. */
const settleMs = 8_000;
/** Of agent and proxy, as with the local node. */
const targetMB = 100;

const megabytes = (bytes: number): Measure => ({ value: bytes / 1e6, unit: 'MB' });

/** Medians over the Pods. */
function toRows({ runtime }: MeasuredNode, pods: readonly PodMemory[]): readonly Row[] {
  const of = (read: (pod: PodMemory) => number): Measure => megabytes(median(pods.map(read)));
  const sumOf = ({ pss }: PodMemory): number => [...pss.values()].reduce((sum, bytes) => sum + bytes, 0);
  const kinds = [...(pods[0]?.pss.keys() ?? [])];
  const byKind = kinds.map((kind) => [kind, of(({ pss }) => pss.get(kind) ?? 0)] as const);
  const figure = of(({ workingSet }) => workingSet);
  const whole = of(sumOf);
  const value = figure.value / whole.value;
  const pairOf = ({ pss }: PodMemory): number => (pss.get('agent') ?? 0) + (pss.get('proxy') ?? 0);
  const pair = of(pairOf);
  const n = pods.length;
  return [
    {
      section,
      name: `${runtime}: a whole warm sandbox Pod, PSS of its processes`,
      figure: whole,
      details: { ...Object.fromEntries(byKind), n },
    },
    {
      section,
      name: `${runtime}: a whole warm sandbox Pod, working set of its cgroup`,
      figure,
      details: { charged: of(({ charged }) => charged), n },
      baseline: { name: 'PSS', figure: whole },
      ratio: { value, low: value, high: value },
    },
    // gVisor shows no processes of its guests.
    ...(pair.value > 0
      ? [
          {
            section,
            name: `${runtime}: agent + proxy, PSS`,
            figure: pair,
            details: { n },
            target: { of: 'figure', atMost: targetMB } as const,
          },
        ]
      : []),
  ];
}

/** Sandboxes that wait for a session, with one blank page each, as the node's own books have them and process by process. */
export async function measurePods(run: Run, node: MeasuredNode): Promise<void> {
  const { runtime, cluster } = node;
  run.progress(`node, ${runtime}: memory of ${pool} warm sandboxes`);
  await cluster.resizePool({ warm: pool, most: pool });
  await cluster.settled(pool);
  await delay(settleMs, undefined, { signal: run.signal });
  const sandboxes = await cluster.sandboxes();
  const pods = sandboxes.map(({ metadata }) => readPodMemory(cluster.cgroup ?? '', metadata.uid));
  for (const row of toRows(node, pods)) run.add(row);
  await cluster.resizePool({ warm: 0, most: pool });
  await cluster.settled(0);
}

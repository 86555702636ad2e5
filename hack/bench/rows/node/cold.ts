import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { untilFirstAnswer } from '../../first-answer.ts';
import { latencyRow, latencyRowBeside, milliseconds } from '../../latency-row.ts';
import { createBarePods, toBareSpec, type BarePods } from '../../node/bare-pods.ts';
import type { Row } from '../../report.ts';
import type { Run } from '../../run.ts';
import { median } from '../../statistics.ts';
import type { MeasuredNode } from '../../node/measured-node.ts';
import { droppedRounds, inTurn, section } from './row.ts';

const rounds = 20;
const target = 1.2;

/** Milliseconds. */
interface Samples {
  readonly cold: number[];
  readonly usable: number[];
  readonly bare: number[];
  /** Of these, until the address was known: what the kubelet needs for sandbox, network and its own look at them. */
  readonly address: number[];
}

const noSamples = (): Samples => ({ cold: [], usable: [], bare: [], address: [] });

/** Also what a sandbox of this node's pool is made of. */
async function takeCold({ cluster }: MeasuredNode, samples: Samples): Promise<PodSpec | undefined> {
  await cluster.settled(0);
  const created = await cluster.caller.create();
  samples.cold.push(created.ms);
  samples.usable.push(await untilFirstAnswer(created, cluster.dial));
  const [sandbox] = await cluster.sandboxes();
  await cluster.caller.end(created.id);
  await cluster.settled(0);
  return sandbox?.spec;
}

async function takeBare({ cluster }: MeasuredNode, bare: BarePods & { readonly spec: PodSpec }, samples: Samples) {
  await cluster.settled(0);
  const { addressMs, usableMs } = await bare.take(bare.spec);
  samples.bare.push(usableMs);
  samples.address.push(addressMs);
}

function toRows({ runtime }: MeasuredNode, { cold, usable, bare, address }: Samples): readonly Row[] {
  const bareOne = { name: `${runtime}: bare Pod of the same containers, created → a page answers`, ms: bare };
  const bareRow = latencyRow(section, bareOne.name, bare);
  const beside = { name: 'bare Pod', ms: bare };
  return [
    { ...bareRow, details: { ...bareRow.details, 'until its address is seen': milliseconds(median(address)) } },
    {
      ...latencyRowBeside(section, { name: `${runtime}: cold POST → 201`, ms: cold }, beside),
      target: { of: 'ratio', atMost: target },
    },
    latencyRowBeside(section, { name: `${runtime}: cold POST → first CDP answer`, ms: usable }, beside),
  ];
}

/** Sessions that find no warm sandbox, one for one with bare Pods of the same spec on the same node. */
export async function measureCold(run: Run, node: MeasuredNode): Promise<void> {
  run.progress(`node, ${node.runtime}: a first sandbox`);
  const spec = await takeCold(node, noSamples());
  if (!spec) throw new Error('a session was ready and its sandbox is not there');
  const bare = { ...(await createBarePods(node.cluster)), spec: toBareSpec(spec) };
  let samples = noSamples();
  const all = run.samples(rounds) + droppedRounds;
  for (let round = 0; round < all; round += 1) {
    if (round <= droppedRounds) samples = noSamples();
    run.progress(`node, ${node.runtime}: cold and bare, round ${round + 1} of ${all} (the first does not count)`);
    const into = samples;
    for (const take of inTurn(round, [() => takeCold(node, into), () => takeBare(node, bare, into)])) await take();
  }
  for (const row of toRows(node, samples)) run.add(row);
}

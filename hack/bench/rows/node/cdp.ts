import { openNodeWays, type NodeWayName } from '../../node/ways.ts';
import type { Row } from '../../report.ts';
import type { Run } from '../../run.ts';
import { ratioOf, summarize } from '../../statistics.ts';
import { timeCalls, trivialCalls, type CallSamples } from '../../trivial-calls.ts';
import type { MeasuredNode } from '../../node/measured-node.ts';
import { section } from './row.ts';

const target = 2;

/** What each way is, for whoever reads the table. */
const wayTitles: Readonly<Record<NodeWayName, string>> = {
  direct: "direct: Chromium itself, in the Pod's network",
  agent: 'from the node over the Pod network to the agent',
  'whole path': 'whole path: gateway, Pod network, agent',
};

const microseconds = (value: number) => ({ value, unit: 'µs' }) as const;

function toRows(title: string, samples: CallSamples<NodeWayName>): readonly Row[] {
  const [first] = samples.keys();
  return [...samples].map(([way, values]): Row => {
    const { p50, p95, p99, count } = summarize(values);
    const others = (first !== undefined && samples.get(first)) || [];
    const beside: Partial<Row> = {
      baseline: {
        name: first === 'direct' ? 'direct' : 'the agent alone',
        figure: microseconds(summarize(others).p50),
      },
      ratio: ratioOf(values, others),
      ...(way === 'whole path' && { target: { of: 'ratio', atMost: target } }),
    };
    return {
      section,
      name: `${title}, ${wayTitles[way]}`,
      figure: microseconds(p50),
      details: { p95: microseconds(p95), p99: microseconds(p99), n: count },
      ...(way !== first && beside),
    };
  });
}

/** CDP calls to one browser on the node by every way, call by call in turn. */
export async function measureCalls(run: Run, node: MeasuredNode): Promise<void> {
  const title = `node, ${node.runtime}`;
  run.progress(`${title}: a browser to call`);
  await using stack = new AsyncDisposableStack();
  const { ways, pages } = await openNodeWays(node, stack);
  for (const call of trivialCalls) {
    const samples = await timeCalls(run, call, { title, ways, pages });
    for (const row of toRows(`${node.runtime}: ${call.method}`, samples)) run.add(row);
  }
}

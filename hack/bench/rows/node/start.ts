import type { Runtime } from '../../../node/node-files.ts';
import { launchCluster } from '../../cluster/launched.ts';
import { latencyRow, latencyRowBeside, milliseconds } from '../../latency-row.ts';
import type { Run } from '../../run.ts';
import { median } from '../../statistics.ts';
import { droppedRounds, inTurn, section } from './row.ts';

const rounds = 4;

/** Milliseconds. */
interface Starts {
  readonly ready: number[];
  /** From the start of the program until a caller has its first session. */
  readonly session: number[];
  readonly ended: number[];
}

const noStarts = (): Starts => ({ ready: [], session: [], ended: [] });

/** No sandbox is warm: the first session is a cold one. */
const settings = { PORTHOLE_WARM_MIN: 0, PORTHOLE_WARM_MAX: 0 };

async function takeStart(run: Run, runtime: Runtime | undefined, into: Starts): Promise<void> {
  await using cluster = await launchCluster(run, { settings, ...(runtime && { runtime }) });
  into.ready.push(cluster.readyAfterMs);
  into.session.push(cluster.readyAfterMs + (await cluster.caller.create()).ms);
  into.ended.push(await cluster.end());
}

/** From a folder with nothing in it to a cluster that takes sessions, with a real node and with the local one. */
export async function measureStart(run: Run, runtime: Runtime): Promise<void> {
  const taken = new Map<Runtime | undefined, Starts>();
  const all = run.samples(rounds) + droppedRounds;
  for (let round = 0; round < all; round += 1) {
    run.progress(`node, ${runtime}: start ${round + 1} of ${all} (the first does not count)`);
    for (const kind of inTurn(round, [undefined, runtime])) {
      const starts = (round > droppedRounds && taken.get(kind)) || noStarts();
      taken.set(kind, starts);
      await takeStart(run, kind, starts);
    }
  }
  const [local, real] = [taken.get(undefined) ?? noStarts(), taken.get(runtime) ?? noStarts()];
  const localName = 'npm run cluster with the local node';
  const detailsOf = ({ session, ended }: Starts) => ({
    'first cold session': milliseconds(median(session)),
    'Ctrl-C until nothing is left': milliseconds(median(ended)),
  });
  const withDetails = (row: ReturnType<typeof latencyRow>, starts: Starts) => ({
    ...row,
    details: { ...row.details, ...detailsOf(starts) },
  });
  run.add(withDetails(latencyRow(section, `${localName}, from nothing until ready`, local.ready), local));
  const name = `${runtime}: npm run cluster -- --node kubelet, from nothing until ready`;
  const row = latencyRowBeside(section, { name, ms: real.ready }, { name: localName, ms: local.ready });
  run.add(withDetails(row, real));
}

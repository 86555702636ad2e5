import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Server as ChainServer } from 'proxy-chain';
import { startPorthole } from '../porthole.ts';
import type { Row } from '../report.ts';
import type { Run } from '../run.ts';
import { ratioOf, summarize } from '../statistics.ts';
import { openApi, type Api } from './extensions.ts';

const rounds = 11;
/** The first warms up code, caches and connections. */
const droppedRounds = 1;
const pauseMs = 150;
const target = 1.5;

/** Each beside the same without stealth. */
const pairs = [
  { name: 'stealth', plain: {}, wish: { capabilities: ['stealth'] } },
  {
    name: 'stealth and a proxy at a known place',
    plain: { proxy: { location: 'de' } },
    wish: { capabilities: ['stealth'], proxy: { location: 'de' } },
  },
] as const;
const batch = 2 * pairs.length;

interface Samples {
  readonly plain: number[];
  readonly stealth: number[];
}

function toRow(name: string, { plain, stealth }: Samples): Row {
  const { p50, p95, count } = summarize(stealth);
  return {
    section: 'stealth',
    name: `warm POST with ${name} → 201`,
    figure: { value: p50, unit: 'ms' },
    details: { p95: { value: p95, unit: 'ms' }, n: count },
    baseline: { name: 'the same without', figure: { value: summarize(plain).p50, unit: 'ms' } },
    ratio: ratioOf(stealth, plain),
    target: { of: 'ratio', atMost: target },
  };
}

async function takeRound(api: Api, samples: readonly Samples[], isReversed: boolean): Promise<void> {
  const taken: string[] = [];
  const create = async (wish: object): Promise<number> => {
    await delay(pauseMs);
    const { ms, body } = await api.call('POST', 'sessions', wish);
    taken.push((body as { id: string }).id);
    return ms;
  };
  for (const [index, { plain, wish }] of pairs.entries()) {
    const takePlain = async () => void samples[index]?.plain.push(await create(plain));
    const takeStealth = async () => void samples[index]?.stealth.push(await create(wish));
    for (const take of isReversed ? [takeStealth, takePlain] : [takePlain, takeStealth]) await take();
  }
  for (const id of taken) await api.call('DELETE', `sessions/${id}`);
}

/** Warm sessions with stealth beside warm sessions without, in turn the one or the other first. */
export async function measureStealth(run: Run): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'porthole-bench-stealth-'));
  const upstream = new ChainServer({ host: '127.0.0.1', port: 0 });
  try {
    await upstream.listen();
    const file = path.join(folder, 'providers.json');
    const spec = { locations: { de: `http://127.0.0.1:${upstream.port}` }, allowInternal: true };
    const provider = { apiVersion: 'porthole.dev/v1alpha1', kind: 'ProxyProvider', metadata: { name: 'bench' }, spec };
    await writeFile(file, JSON.stringify(provider));
    await using porthole = await startPorthole(run, {
      PORTHOLE_PROVIDERS: file,
      PORTHOLE_MAX_CONCURRENT_SESSIONS: 100,
      PORTHOLE_WARM_MIN: batch,
      PORTHOLE_WARM_MAX: batch,
      PORTHOLE_MAX_SANDBOXES: batch,
    });
    const api = await openApi(porthole);
    let samples: Samples[] = [];
    const all = run.samples(rounds - droppedRounds) + droppedRounds;
    for (let round = 0; round < all; round += 1) {
      run.progress(`stealth: round ${round + 1} of ${all} (the first does not count)`);
      if (round <= droppedRounds) samples = pairs.map(() => ({ plain: [], stealth: [] }));
      await porthole.untilWarm(batch);
      await takeRound(api, samples, round % 2 === 1);
    }
    for (const [index, { name }] of pairs.entries()) run.add(toRow(name, samples[index] ?? { plain: [], stealth: [] }));
  } finally {
    await upstream.close(true);
    await rm(folder, { recursive: true, force: true });
  }
}

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startPorthole, type Porthole } from '../porthole.ts';
import type { Run } from '../run.ts';
import { ratioOf, summarize } from '../statistics.ts';

/** Half of them with a proxy. */
const batch = 12;
const rounds = 9;
/** The first warms up code, caches and connections. */
const droppedRounds = 1;
const pauseMs = 150;
/** The proxy's own cost is one Secret that is written and read. */
const target = 1.5;

/** An upstream that lets whoever knocks in; nothing is visited through it. */
async function startUpstream(): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

type Create = (body: object) => Promise<number>;

async function takeRound(
  porthole: Porthole,
  create: Create,
  samples: Record<'plain' | 'proxied', number[]>,
  url: string,
) {
  for (let i = 0; i < batch; i += 1) {
    await delay(pauseMs);
    if (i % 2 === 0) samples.plain.push(await create({}));
    else samples.proxied.push(await create({ proxyUrl: url }));
  }
  await porthole.quiet();
}

/** Warm sessions with a proxy of their own beside warm sessions without, in turns. */
export async function measureProxy(run: Run): Promise<void> {
  await using upstream = await startUpstream();
  await using porthole = await startPorthole(run, {
    PORTHOLE_MAX_CONCURRENT_SESSIONS: 100,
    PORTHOLE_WARM_MIN: batch,
    PORTHOLE_WARM_MAX: batch,
    PORTHOLE_MAX_SANDBOXES: batch,
  });
  const { apiUrl } = JSON.parse(await readFile(path.join(porthole.dataDir, 'instance.json'), 'utf8')) as {
    apiUrl: string;
  };
  const headers = { authorization: `Bearer ${porthole.apiKey}`, 'content-type': 'application/json' };
  const taken: string[] = [];
  const create: Create = async (body) => {
    const startedAt = performance.now();
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(new URL('/api/v1/browser/sessions', apiUrl), init);
    const ms = performance.now() - startedAt;
    if (answer.status !== 201) throw new Error(`a session was answered ${answer.status}: ${await answer.text()}`);
    taken.push(((await answer.json()) as { readonly id: string }).id);
    return ms;
  };
  const url = `http://user:password@127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  let samples = { plain: [] as number[], proxied: [] as number[] };
  const all = run.samples(rounds - droppedRounds) + droppedRounds;
  for (let round = 0; round < all; round += 1) {
    run.progress(`proxy: round ${round + 1} of ${all} (the first does not count)`);
    if (round === droppedRounds) samples = { plain: [], proxied: [] };
    await porthole.untilWarm(batch);
    await takeRound(porthole, create, samples, url);
    for (const id of taken.splice(0)) await porthole.end(id);
  }
  const section = 'proxy';
  const figureOf = (values: readonly number[]) => {
    const { p50, p95, count } = summarize(values);
    return { figure: { value: p50, unit: 'ms' }, details: { p95: { value: p95, unit: 'ms' }, n: count } } as const;
  };
  const plain = figureOf(samples.plain);
  run.add({ section, name: 'warm POST without a proxy → 201', ...plain });
  run.add({
    ...{ section, name: 'warm POST with proxyUrl → 201', ...figureOf(samples.proxied) },
    baseline: { name: 'without', figure: plain.figure },
    ratio: ratioOf(samples.proxied, samples.plain),
    target: { of: 'ratio', atMost: target },
  });
}

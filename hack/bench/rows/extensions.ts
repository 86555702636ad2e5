import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildZip, manifestOf, type ZipFile } from '../../../test/support/packed-extension.ts';
import { connectCdp } from '../cdp-connection.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import type { Row } from '../report.ts';
import type { Run } from '../run.ts';
import { summarize } from '../statistics.ts';

/** Extensions in a session. */
const counts = [1, 5];
const batch = 6;
const rounds = 8;
/** The first warms up code, caches and connections. */
const droppedRounds = 1;
const pauseMs = 150;
const target = 1.5;

/** A content script and a service worker; `index` makes its bytes its own. */
const filesOf = (index: number): readonly ZipFile[] => [
  manifestOf({
    name: `Bench ${index}`,
    background: { service_worker: 'sw.js' },
    content_scripts: [{ matches: ['<all_urls>'], js: ['c.js'] }],
  }),
  { name: 'sw.js', content: 'self.x = 1;' },
  { name: 'c.js', content: 'document.documentElement.dataset.bench = "1";' },
];

export interface Api {
  call(method: string, target: string, body?: object): Promise<{ readonly ms: number; readonly body: unknown }>;
}

export async function openApi({ dataDir, apiKey }: Porthole): Promise<Api> {
  const { apiUrl } = JSON.parse(await readFile(path.join(dataDir, 'instance.json'), 'utf8')) as { apiUrl: string };
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  return {
    call: async (method, target, body) => {
      const startedAt = performance.now();
      const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
      const answer = await fetch(new URL(`/api/v1/browser/${target}`, apiUrl), init);
      const ms = performance.now() - startedAt;
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${target} was answered ${answer.status}: ${text}`);
      return { ms, body: text === '' ? undefined : JSON.parse(text) };
    },
  };
}

/** The same as folders, which every user may read: for the browser alone to load. */
async function unpackBare(folder: string): Promise<readonly string[]> {
  await chmod(folder, 0o755);
  return Promise.all(
    Array.from({ length: Math.max(...counts) }, async (_, index) => {
      const at = path.join(folder, String(index));
      await mkdir(at, { mode: 0o755 });
      for (const { name, content = '' } of filesOf(index))
        await writeFile(path.join(at, name), content, { mode: 0o644 });
      return at;
    }),
  );
}

interface Session {
  readonly id: string;
  readonly cdpUrl: string;
}

/** What the browser itself takes to load so many, one after the other, in a session without any. */
async function measureBare({ cdpUrl }: Session, folders: readonly string[]): Promise<number> {
  await using cdp = await connectCdp(cdpUrl);
  const startedAt = performance.now();
  for (const folder of folders) await cdp.call('Extensions.loadUnpacked', { path: folder });
  return performance.now() - startedAt;
}

interface Samples {
  readonly plain: number[];
  readonly bare: ReadonlyMap<number, number[]>;
  readonly with: ReadonlyMap<number, number[]>;
}

const noSamples = (): Samples => ({
  plain: [],
  bare: new Map(counts.map((count) => [count, []])),
  with: new Map(counts.map((count) => [count, []])),
});

async function takeRound(
  porthole: Porthole,
  api: Api,
  samples: Samples,
  ids: readonly string[],
  folders: readonly string[],
) {
  await porthole.untilWarm(batch);
  const taken: string[] = [];
  const create = async (extensions: readonly string[]): Promise<{ ms: number; session: Session }> => {
    await delay(pauseMs);
    const { ms, body } = await api.call('POST', 'sessions', { extensions });
    const session = body as Session;
    taken.push(session.id);
    return { ms, session };
  };
  for (const count of counts) {
    const plain = await create([]);
    samples.plain.push(plain.ms);
    samples.bare.get(count)?.push(await measureBare(plain.session, folders.slice(0, count)));
    samples.with.get(count)?.push((await create(ids.slice(0, count))).ms);
  }
  for (const id of taken) await api.call('DELETE', `sessions/${id}`);
}

function toRows(samples: Samples): Row[] {
  const section = 'extensions';
  const ms = (value: number) => ({ value, unit: 'ms' }) as const;
  const figureOf = (values: readonly number[]) => {
    const { p50, p95, count } = summarize(values);
    return { figure: ms(p50), details: { p95: ms(p95), n: count } };
  };
  const plain = figureOf(samples.plain);
  const rows = counts.flatMap((count): Row[] => {
    const bare = figureOf(samples.bare.get(count) ?? []);
    const loaded = figureOf(samples.with.get(count) ?? []);
    const allowed = target * plain.figure.value + bare.figure.value;
    const named = `${count} extension${count === 1 ? '' : 's'}`;
    return [
      { section, name: `bare browser, loadUnpacked of ${named}`, ...bare },
      {
        section,
        name: `warm POST with ${named} → 201`,
        ...loaded,
        baseline: { name: `${target} × plain + bare`, figure: ms(allowed) },
        ratio: {
          value: loaded.figure.value / allowed,
          low: loaded.figure.value / allowed,
          high: loaded.figure.value / allowed,
        },
        target: { of: 'ratio', atMost: 1 },
      },
    ];
  });
  return [{ section, name: 'warm POST without any → 201', ...plain }, ...rows];
}

/** Warm sessions with extensions beside warm sessions without, and beside what the browser itself takes to load them. */
export async function measureExtensions(run: Run): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'porthole-bench-extensions-'));
  try {
    const folders = await unpackBare(folder);
    await using porthole = await startPorthole(run, {
      PORTHOLE_MAX_CONCURRENT_SESSIONS: 100,
      PORTHOLE_WARM_MIN: batch,
      PORTHOLE_WARM_MAX: batch,
      PORTHOLE_MAX_SANDBOXES: batch,
    });
    const api = await openApi(porthole);
    const ids: string[] = [];
    for (let i = 0; i < Math.max(...counts); i += 1) {
      const { body } = await api.call('POST', 'extensions', { file: buildZip(filesOf(i)).toString('base64') });
      ids.push((body as { id: string }).id);
    }
    let samples = noSamples();
    const all = run.samples(rounds - droppedRounds) + droppedRounds;
    for (let round = 0; round < all; round += 1) {
      run.progress(`extensions: round ${round + 1} of ${all} (the first does not count)`);
      if (round === droppedRounds) samples = noSamples();
      await takeRound(porthole, api, samples, ids, folders);
    }
    for (const row of toRows(samples)) run.add(row);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

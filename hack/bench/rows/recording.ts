import { setTimeout as delay } from 'node:timers/promises';
import { attach } from '../../../test/support/cdp-client.ts';
import { descendantsOf } from '../../../test/support/process-table.ts';
import { startPorthole } from '../porthole.ts';
import { cpuSecondsOf, memoryOf } from '../processes.ts';
import type { Measure } from '../report.ts';
import type { Run } from '../run.ts';
import { ratioOf, summarize } from '../statistics.ts';
import { openApi, type Api } from './extensions.ts';

const rounds = 11;
/** The first warms up code, caches and connections. */
const droppedRounds = 1;
const pauseMs = 300;
const settleMs = 4_000;
const fullMs = 20_000;
/** From the exec of ffmpeg to its first bytes on an idle machine of two cores: what nobody can do without. */
const target = 1.5;

/** A box that moves over a page with some text, for as long as it is open. */
const movingPage = `data:text/html,${encodeURIComponent(`<!doctype html>
  <body style="font: 20px sans-serif">${'Lorem ipsum dolor sit amet. '.repeat(60)}
  <div id=box style="position: fixed; width: 160px; height: 160px; background: linear-gradient(45deg, teal, gold)"></div>
  <script>
    const step = (ms) => {
      box.style.left = 500 + 400 * Math.sin(ms / 700) + 'px';
      box.style.top = 250 + 200 * Math.cos(ms / 900) + 'px';
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  </script>`)}`;

interface Created {
  readonly id: string;
  readonly cdpUrl: string;
}

async function measureCreates(run: Run): Promise<void> {
  await using porthole = await startPorthole(run, {
    PORTHOLE_MAX_CONCURRENT_SESSIONS: 100,
    PORTHOLE_WARM_MIN: 2,
    PORTHOLE_WARM_MAX: 2,
    PORTHOLE_MAX_SANDBOXES: 6,
  });
  const api = await openApi(porthole);
  let plain: number[] = [];
  let recorded: number[] = [];
  const create = async (wish: object, into: number[], taken: string[]): Promise<void> => {
    await delay(pauseMs);
    const { ms, body } = await api.call('POST', 'sessions', wish);
    into.push(ms);
    taken.push((body as Created).id);
  };
  const all = run.samples(rounds - droppedRounds) + droppedRounds;
  for (let round = 0; round < all; round += 1) {
    run.progress(`recording: round ${round + 1} of ${all} (the first does not count)`);
    if (round <= droppedRounds) [plain, recorded] = [[], []];
    await porthole.untilWarm(2);
    const taken: string[] = [];
    await create({}, plain, taken);
    await create({ capabilities: ['recording'] }, recorded, taken);
    for (const id of taken) await api.call('DELETE', `sessions/${id}`);
  }
  const { p50, p95, count } = summarize(recorded);
  run.add({
    section: 'recording',
    name: 'warm POST with recording → 201, ffmpeg running',
    figure: { value: p50, unit: 'ms' },
    details: { p95: { value: p95, unit: 'ms' }, n: count },
    baseline: { name: 'without; the rest is the start of ffmpeg', figure: { value: summarize(plain).p50, unit: 'ms' } },
    ratio: ratioOf(recorded, plain),
    target: { of: 'ratio', atMost: target },
  });
}

const percent = (seconds: number, ms: number): Measure => ({ value: (seconds * 100_000) / ms, unit: '%' });

async function bytesOf(api: Api, id: string): Promise<number> {
  const { body } = await api.call('GET', `sessions/${id}/recordings`);
  return (body as { recordings: readonly { bytes: number }[] }).recordings[0]?.bytes ?? 0;
}

async function measureRunning(run: Run): Promise<void> {
  run.progress('recording: what it costs while it runs');
  await using porthole = await startPorthole(run, { PORTHOLE_WARM_MAX: 0 });
  const api = await openApi(porthole);
  const { body } = await api.call('POST', 'sessions', { capabilities: ['recording'] });
  const { id, cdpUrl } = body as Created;
  await using client = await attach(cdpUrl);
  await client.call('Target.createTarget', { url: movingPage });
  await delay(settleMs);
  const ffmpeg = descendantsOf(porthole.pid).find(({ command }) => command.includes('x11grab'))?.pid ?? 0;
  const [agent] = porthole.sandboxes();
  const pids = { ffmpeg: [ffmpeg], agent: [agent?.agent.pid ?? 0], 'control process': [porthole.pid] };
  const read = (): number[] => Object.values(pids).map(cpuSecondsOf);
  const [before, bytesBefore, startedAt] = [read(), await bytesOf(api, id), performance.now()];
  await delay(run.samples(fullMs));
  const tookMs = performance.now() - startedAt;
  const shares = read().map((seconds, i) => percent(seconds - (before[i] ?? 0), tookMs));
  run.add({
    section: 'recording',
    name: 'recording at 1280×720, 10 pictures a second, moving page; CPU of ffmpeg',
    figure: shares[0] ?? percent(0, 1),
    details: {
      ...Object.fromEntries(Object.keys(pids).map((name, i) => [name, shares[i] ?? percent(0, 1)])),
      'PSS of ffmpeg': { value: (memoryOf([ffmpeg])?.pss ?? 0) / 1e6, unit: 'MB' },
      stored: { value: ((await bytesOf(api, id)) - bytesBefore) / 1000 / tookMs, unit: 'MB/s' },
    },
  });
  await api.call('DELETE', `sessions/${id}`);
}

/** What a recording costs when it begins, and while it runs. Needs Xvnc and ffmpeg. */
export async function measureRecording(run: Run): Promise<void> {
  await measureCreates(run);
  await measureRunning(run);
}

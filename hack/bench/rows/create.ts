import { setTimeout as delay } from 'node:timers/promises';
import { availableDisplays, measureBareBoot, type Display } from '../bare-browser.ts';
import { untilFirstAnswer } from '../first-answer.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import type { Row } from '../report.ts';
import type { Run } from '../run.ts';
import { ratioOf, summarize } from '../statistics.ts';

/** Warm sessions of a round, before the pool is filled again: it is at its ceiling, so nothing boots meanwhile. */
const paused = 10;
/** And at the end of it some without a pause; the first of them does not count, since it had one. */
const backToBack = 5;
const batch = paused + backToBack;
const rounds = 11;
/** Of each round: bare, cold, bare, cold …, in turn the one or the other first. */
const coldPerRound = 3;
/** The first round warms up file caches, code and connections, and does not count. */
const droppedRounds = 1;
/** Between two warm sessions: whatever the first one left to do is done, and the machine does nothing. */
const pauseMs = 150;
const warmTargetMs = 3;
const coldTarget = 1.15;

interface Samples {
  readonly warm: number[];
  readonly warmUsable: number[];
  readonly warmBackToBack: number[];
  readonly cold: number[];
  readonly coldUsable: number[];
  /** As in a sandbox: with its X server, where there is one. */
  readonly bare: number[];
  /** The same until a page answers. */
  readonly barePage: number[];
  /** Its X server up already. Headless: none. */
  readonly browserAlone: number[];
}

async function takeWarm(porthole: Porthole, samples: Samples): Promise<void> {
  await porthole.untilWarm(batch);
  const taken: string[] = [];
  for (let i = 0; i < paused; i++) {
    await delay(pauseMs);
    const created = await porthole.create();
    samples.warm.push(created.ms);
    samples.warmUsable.push(await untilFirstAnswer(created));
    taken.push(created.id);
  }
  await delay(pauseMs);
  for (let i = 0; i < backToBack; i++) {
    const { ms, id } = await porthole.create();
    if (i > 0) samples.warmBackToBack.push(ms);
    taken.push(id);
  }
  await porthole.quiet();
  for (const id of taken) await porthole.end(id);
}

async function takeCold(porthole: Porthole, samples: Samples): Promise<void> {
  const created = await porthole.create();
  samples.cold.push(created.ms);
  samples.coldUsable.push(await untilFirstAnswer(created));
  await porthole.end(created.id);
  await porthole.untilWarm(0);
}

async function takeBare(run: Run, display: Display, samples: Samples): Promise<void> {
  const { devtoolsMs, pageMs } = await measureBareBoot(run.chromium, display === 'headful' ? 'counted' : 'none');
  samples.bare.push(devtoolsMs);
  samples.barePage.push(pageMs);
  if (display === 'headful') samples.browserAlone.push((await measureBareBoot(run.chromium, 'before')).devtoolsMs);
}

const noSamples = (): Samples => ({
  warm: [],
  warmUsable: [],
  warmBackToBack: [],
  cold: [],
  coldUsable: [],
  bare: [],
  barePage: [],
  browserAlone: [],
});

function toRows(display: Display, samples: Samples): Row[] {
  const section = 'create';
  const bareName = display === 'headful' ? 'bare Xvnc + Chromium' : 'bare Chromium';
  const rowOf = (name: string, values: readonly number[]): Row => {
    const { p50, p95, p99, count } = summarize(values);
    const ms = (value: number) => ({ value, unit: 'ms' }) as const;
    const details = { p95: ms(p95), ...(count >= 100 && { p99: ms(p99) }), n: count };
    return { section, name: `${display}: ${name}`, figure: ms(p50), details };
  };
  const besideOther = (name: string, values: readonly number[], [other, others]: [string, readonly number[]]): Row => ({
    ...rowOf(name, values),
    baseline: { name: other, figure: rowOf('', others).figure },
    ratio: ratioOf(values, others),
  });
  const beside = (name: string, values: readonly number[], target?: Row['target']): Row => ({
    ...besideOther(name, values, [bareName, samples.bare]),
    ...(target && { target }),
  });
  return [
    ...(display === 'headful' ? [rowOf('bare Chromium, exec → DevTools, Xvnc up before', samples.browserAlone)] : []),
    rowOf(`${bareName}, exec → DevTools`, samples.bare),
    rowOf(`${bareName}, exec → a page answers`, samples.barePage),
    beside('cold POST → 201', samples.cold, { of: 'ratio', atMost: coldTarget }),
    besideOther('cold POST → 201', samples.cold, ['until a page answers', samples.barePage]),
    beside('cold POST → first CDP answer', samples.coldUsable),
    beside(`warm POST → 201, after a pause of ${pauseMs} ms`, samples.warm, { of: 'figure', atMost: warmTargetMs }),
    beside('warm POST → 201, right after another', samples.warmBackToBack),
    beside('warm POST → first CDP answer', samples.warmUsable),
  ];
}

async function measureDisplay(run: Run, display: Display): Promise<Row[]> {
  const common = { PORTHOLE_DISPLAY: display, PORTHOLE_MAX_CONCURRENT_SESSIONS: 100 };
  const limits = { PORTHOLE_WARM_MIN: batch, PORTHOLE_WARM_MAX: batch, PORTHOLE_MAX_SANDBOXES: batch };
  await using warm = await startPorthole(run, { ...common, ...limits });
  await using cold = await startPorthole(run, { ...common, PORTHOLE_WARM_MAX: 0 });
  let samples = noSamples();
  const all = run.samples(rounds - droppedRounds) + droppedRounds;
  for (let round = 0; round < all; round++) {
    run.progress(`create, ${display}: round ${round + 1} of ${all} (the first does not count)`);
    if (round === droppedRounds) samples = noSamples();
    await takeWarm(warm, samples);
    // With the warm pool full again and still: the same company for the bare browser and the cold session.
    await warm.untilWarm(batch);
    for (let i = 0; i < coldPerRound; i++) {
      run.progress(`create, ${display}: round ${round + 1} of ${all}, bare and cold ${i + 1} of ${coldPerRound}`);
      if ((round + i) % 2 === 0) await takeBare(run, display, samples);
      await takeCold(cold, samples);
      if ((round + i) % 2 === 1) await takeBare(run, display, samples);
    }
  }
  return toRows(display, samples);
}

/** Sessions one at a time, warm and cold, beside the browser that they are made of, in one interleaved run. */
export async function measureCreate(run: Run): Promise<void> {
  const displays = availableDisplays(process.env['PATH'] ?? '');
  if (!displays.includes('headful'))
    run.remark('There is no Xvnc for headful: apt-get install tigervnc-standalone-server');
  for (const display of displays) {
    for (const row of await measureDisplay(run, display)) run.add(row);
  }
}

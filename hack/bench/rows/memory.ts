import { setTimeout as delay } from 'node:timers/promises';
import { startPorthole, type Porthole } from '../porthole.ts';
import { memoryAlone, memoryOf, type Memory, type SandboxProcesses } from '../processes.ts';
import type { Measure, Row } from '../report.ts';
import type { Run } from '../run.ts';
import { median } from '../statistics.ts';

const warmSandboxes = 3;
const manySessions = 10;
const targetMB = 100;
/** What a browser allocates at its start and gives back, it has given back by then. */
const settleMs = 8_000;

const megabytes = (bytes: number): Measure => ({ value: bytes / 1e6, unit: 'MB' });

interface Footprint {
  readonly pair: Memory;
  readonly pairAlone: number;
  readonly chromium: Memory;
  readonly desktop: Memory | undefined;
}

function footprintOf({ agent, proxy, desktop, chromium }: SandboxProcesses): Footprint | undefined {
  const pair = [agent.pid, ...(proxy ? [proxy.pid] : [])];
  const [ofPair, ofChromium] = [memoryOf(pair), memoryOf(chromium.map(({ pid }) => pid))];
  if (!ofPair || !ofChromium || !proxy) return undefined;
  return {
    pair: ofPair,
    pairAlone: memoryAlone(pair),
    chromium: ofChromium,
    desktop: desktop && memoryOf([desktop.pid]),
  };
}

function sandboxRows(footprints: readonly Footprint[]): Row[] {
  const section = 'memory';
  const of = (read: (footprint: Footprint) => number): Measure => megabytes(median(footprints.map(read)));
  const browser = of(({ chromium }) => chromium.pss);
  const desktop = of((footprint) => footprint.desktop?.pss ?? 0);
  const besideChromium = (figure: Measure): Pick<Row, 'baseline' | 'ratio'> => {
    const value = figure.value / browser.value;
    return { baseline: { name: 'Chromium, PSS', figure: browser }, ratio: { value, low: value, high: value } };
  };
  const pss = of(({ pair }) => pair.pss);
  const alone = of(({ pairAlone }) => pairAlone);
  const target = { of: 'figure', atMost: targetMB } as const;
  const n = footprints.length;
  return [
    { section, name: 'Chromium, warm, one blank page, PSS', figure: browser, details: { n } },
    ...(desktop.value > 0 ? [{ section, name: 'Xvnc, PSS', figure: desktop, details: { n } }] : []),
    {
      section,
      name: 'agent + proxy, PSS',
      figure: pss,
      details: { private: of(({ pair }) => pair.uss), resident: of(({ pair }) => pair.rss), n },
      ...besideChromium(pss),
      target,
    },
    {
      section,
      name: 'agent + proxy, as if no other Node ran on the machine',
      figure: alone,
      details: { n },
      ...besideChromium(alone),
      target,
    },
  ];
}

function measureControl(porthole: Porthole, sessions: number): Row {
  const memory = memoryOf([porthole.pid]) ?? { rss: 0, pss: 0, uss: 0 };
  return {
    section: 'memory',
    name: `control process, ${sessions} session${sessions === 1 ? '' : 's'}, resident`,
    figure: megabytes(memory.rss),
    details: { PSS: megabytes(memory.pss), private: megabytes(memory.uss) },
  };
}

async function settle(run: Run, porthole: Porthole, text: string): Promise<void> {
  run.progress(`memory: ${text}`);
  await porthole.quiet();
  await delay(settleMs);
}

/**
 * The first sandboxes of a data folder compile the sources, and keep the compiler: 40 MB more. All that follow find the code
 * compiled.
 */
async function replaceSandboxes(porthole: Porthole): Promise<void> {
  await porthole.untilWarm(warmSandboxes);
  const taken: string[] = [];
  while (taken.length < warmSandboxes) taken.push((await porthole.create()).id);
  for (const id of taken) await porthole.end(id);
  await porthole.untilWarm(warmSandboxes);
}

async function measureSandboxes(run: Run): Promise<void> {
  run.progress(`memory: ${warmSandboxes} warm sandboxes`);
  const limits = { PORTHOLE_WARM_MIN: warmSandboxes, PORTHOLE_WARM_MAX: warmSandboxes };
  await using porthole = await startPorthole(run, { ...limits, PORTHOLE_MAX_SANDBOXES: warmSandboxes });
  await replaceSandboxes(porthole);
  await settle(run, porthole, 'letting them settle');
  const footprints = porthole.sandboxes().map(footprintOf);
  const known = footprints.filter((footprint) => footprint !== undefined);
  if (known.length < warmSandboxes) {
    run.remark(
      'Memory of sandboxes is left out: this user may not read /proc/<pid>/smaps_rollup of all their processes.',
    );
    return;
  }
  for (const row of sandboxRows(known)) run.add(row);
}

async function measureSessions(run: Run): Promise<void> {
  const limits = { PORTHOLE_WARM_MAX: 0, PORTHOLE_MAX_CONCURRENT_SESSIONS: manySessions };
  await using porthole = await startPorthole(run, limits);
  const taken = [(await porthole.create()).id];
  await settle(run, porthole, 'the control process with 1 session');
  run.add(measureControl(porthole, 1));
  while (taken.length < manySessions) {
    run.progress(`memory: session ${taken.length + 1} of ${manySessions}`);
    taken.push((await porthole.create()).id);
  }
  await settle(run, porthole, `the control process with ${manySessions} sessions`);
  run.add(measureControl(porthole, manySessions));
  for (const id of taken) await porthole.end(id);
}

/** Agent and proxy beside the browser that they serve; the control process with few and with many sessions. */
export async function measureMemory(run: Run): Promise<void> {
  await measureSandboxes(run);
  await measureSessions(run);
}

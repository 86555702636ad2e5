import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../../../src/agent/find-program.ts';
import { findXvnc } from '../../../src/agent/desktop/xvnc.ts';
import { firstBytes, startCapture } from '../../../src/agent/recorder/ffmpeg.ts';
import { attach } from '../../../test/support/cdp-client.ts';
import { descendantsOf } from '../../../test/support/process-table.ts';
import { openApi, type Api } from '../api.ts';
import { knobsFor, measureCapabilities, type Capability } from '../capabilities.ts';
import { movingPage } from '../moving-page.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import { cpuSecondsOf, memoryOf, type SandboxProcesses } from '../processes.ts';
import type { Measure, Row } from '../report.ts';
import type { Run } from '../run.ts';
import { findSandboxOf } from '../session-browser.ts';
import { median, ratioOf } from '../statistics.ts';

const rounds = 20;
/** One: what is recorded goes on to cost. */
const pairs = 1;

/** Of a period with a recording and one without, each. */
const runningRounds = 5;
const settleMs = 3_000;
const fullMs = 15_000;
/** As pools have it unless told otherwise. */
const framesPerSecond = 10;

/** How its X server is reached, by what that was started with. */
function screenOf({ desktop }: SandboxProcesses): Readonly<Record<'DISPLAY' | 'XAUTHORITY', string>> {
  const [, DISPLAY = '', XAUTHORITY = ''] = /^\S+ (:\d+) -auth (\S+)/.exec(desktop?.command ?? '') ?? [];
  return { DISPLAY, XAUTHORITY };
}

/** From the exec of ffmpeg to the first picture of the same screen: nobody has a recording sooner. */
async function startBare(porthole: Porthole, program: string, cdpUrl: string): Promise<number> {
  const env = screenOf(await findSandboxOf(porthole, cdpUrl));
  const startedAt = performance.now();
  const capture = startCapture({ program, env, workDir: tmpdir(), framesPerSecond });
  try {
    await firstBytes(capture);
    return performance.now() - startedAt;
  } finally {
    capture.stop();
    await capture.ended;
  }
}

async function measureCreates(run: Run, program: string): Promise<void> {
  await using porthole = await startPorthole(run, knobsFor(pairs));
  const recording: Capability = {
    name: 'recording',
    plain: {},
    wish: { capabilities: ['recording'] },
    bareName: 'ffmpeg until its first picture',
    bare: ({ cdpUrl }) => startBare(porthole, program, cdpUrl),
  };
  await measureCapabilities(run, { section: 'recording', porthole, capabilities: [recording], rounds, pairs });
}

const percent = (seconds: number, ms: number): Measure => ({ value: (seconds * 100_000) / ms, unit: '%' });

/** Shares of a core, in percent, by what uses them; what a recording stores, in bytes a second; what its program takes, in bytes. */
interface Period {
  readonly shares: Readonly<Record<string, number>>;
  readonly storedRate: number;
  readonly ffmpegMemory: number;
}

interface Place {
  readonly porthole: Porthole;
  readonly api: Api;
  readonly id: string;
}

const isRecorder = ({ command }: { readonly command: string }): boolean => command.includes('x11grab');

/** As they are now: a page has processes of its own. */
function groupsOf({ porthole }: Place) {
  const [sandbox] = porthole.sandboxes();
  if (!sandbox) throw new Error('the session has no sandbox');
  const { agent, desktop, chromium } = sandbox;
  const recorder = descendantsOf(agent.pid).filter(isRecorder);
  const browser = chromium.filter((entry) => !isRecorder(entry));
  const pids = (entries: readonly { readonly pid: number }[]): readonly number[] => entries.map(({ pid }) => pid);
  return {
    ffmpeg: pids(recorder),
    Xvnc: desktop ? [desktop.pid] : [],
    Chromium: pids(browser),
    agent: [agent.pid],
    'control process': [porthole.pid],
  };
}

async function bytesOf({ api, id }: Place): Promise<number> {
  const body = await api.call('GET', `sessions/${id}/recordings`);
  const { recordings } = body as { readonly recordings: readonly { readonly bytes: number }[] };
  return recordings.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function takePeriod(run: Run, place: Place): Promise<Period> {
  await delay(settleMs);
  const groups = groupsOf(place);
  const read = (): readonly number[] => Object.values(groups).map(cpuSecondsOf);
  const [before, bytesBefore, startedAt] = [read(), await bytesOf(place), performance.now()];
  await delay(run.samples(fullMs), undefined, { signal: run.signal });
  const tookMs = performance.now() - startedAt;
  const after = read();
  const names = Object.keys(groups);
  const shareOf = (index: number): number => percent((after[index] ?? 0) - (before[index] ?? 0), tookMs).value;
  return {
    shares: Object.fromEntries(names.map((name, index) => [name, shareOf(index)])),
    storedRate: ((await bytesOf(place)) - bytesBefore) / (tookMs / 1000),
    ffmpegMemory: memoryOf(groups.ffmpeg)?.pss ?? 0,
  };
}

const sumOf = ({ shares }: Period): number => Object.values(shares).reduce((sum, share) => sum + share, 0);

function toRow(recorded: readonly Period[], plain: readonly Period[]): Row {
  const of = (periods: readonly Period[], read: (period: Period) => number): number => median(periods.map(read));
  const names = Object.keys(recorded[0]?.shares ?? {});
  const [figures, others] = [recorded.map(sumOf), plain.map(sumOf)];
  const shareOf = (name: string): Measure => ({ value: of(recorded, ({ shares }) => shares[name] ?? 0), unit: '%' });
  return {
    section: 'recording',
    name: `recording at 1280×720, ${framesPerSecond} pictures a second, moving page; CPU of all that takes part`,
    figure: { value: median(figures), unit: '%' },
    details: {
      ...Object.fromEntries(names.map((name) => [name, shareOf(name)])),
      'PSS of ffmpeg': { value: of(recorded, ({ ffmpegMemory }) => ffmpegMemory) / 1e6, unit: 'MB' },
      stored: { value: of(recorded, ({ storedRate }) => storedRate) / 1e6, unit: 'MB/s' },
      n: recorded.length,
    },
    baseline: { name: 'the same session while it is not recorded', figure: { value: median(others), unit: '%' } },
    ratio: ratioOf(figures, others),
  };
}

/** One session with a page that moves, recorded and not in turn. */
async function measureRunning(run: Run): Promise<void> {
  await using porthole = await startPorthole(run, { PORTHOLE_WARM_MAX: 0 });
  const api = await openApi(porthole);
  const { id, cdpUrl } = await porthole.create();
  await using client = await attach(cdpUrl);
  await client.call('Target.createTarget', { url: movingPage });
  const place = { porthole, api, id };
  const [recorded, plain]: [Period[], Period[]] = [[], []];
  const all = run.samples(runningRounds);
  // The page's own start is over by the time of the first one that counts.
  await takePeriod(run, place);
  for (let round = 0; round < all; round += 1) {
    run.progress(`recording: what it costs while it runs, ${round + 1} of ${all}`);
    plain.push(await takePeriod(run, place));
    await api.call('POST', `sessions/${id}/recording/start`);
    recorded.push(await takePeriod(run, place));
    await api.call('POST', `sessions/${id}/recording/stop`);
  }
  run.add(toRow(recorded, plain));
  await porthole.end(id);
}

/** What a recording costs when it begins, and while it runs. Needs Xvnc and ffmpeg. */
export async function measureRecording(run: Run): Promise<void> {
  const { PATH = '' } = process.env;
  const program = findProgram(['ffmpeg'], PATH);
  if (program === undefined || !findXvnc(PATH)) {
    run.remark('Recording is left out: it needs Xvnc and ffmpeg (Debian: tigervnc-standalone-server, ffmpeg).');
    return;
  }
  await measureCreates(run, program);
  await measureRunning(run);
}

import { setTimeout as delay } from 'node:timers/promises';
import { attach } from '../../../test/support/cdp-client.ts';
import { openRfb, type RfbClient } from '../../../test/support/rfb-client.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import { cpuSecondsOf, memoryOf, type SandboxProcesses } from '../processes.ts';
import type { Measure, Row } from '../report.ts';
import type { Run } from '../run.ts';

const audiences = [0, 1, 3];
/** How often each viewer asks for what has changed: noVNC asks as fast as it is answered. */
const framesPerSecond = 15;
const fullMs = 20_000;
const settleMs = 5_000;

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

/** Tight with JPEG of quality 6 and compression 2: what noVNC asks for. */
const encodings = [7, -26, -254, -224, -223];

function setEncodings(viewer: RfbClient): void {
  const message = Buffer.alloc(4 + 4 * encodings.length);
  message.writeUInt8(2, 0);
  message.writeUInt16BE(encodings.length, 2);
  for (const [index, encoding] of encodings.entries()) message.writeInt32BE(encoding, 4 + 4 * index);
  viewer.send(...message);
}

interface Viewer extends AsyncDisposable {
  readonly bytes: () => number;
}

async function watch(liveViewUrl: string): Promise<Viewer> {
  const viewer = await openRfb(liveViewUrl);
  setEncodings(viewer);
  const ask = (isIncremental: number): void => viewer.send(3, isIncremental, 0, 0, 0, 0, 5, 0, 2, 208);
  ask(0);
  const timer = setInterval(() => ask(1), 1000 / framesPerSecond);
  return {
    bytes: () => viewer.receivedBytes(),
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await viewer[Symbol.asyncDispose]();
    },
  };
}

const percent = (seconds: number, ms: number): Measure => ({ value: (seconds * 100_000) / ms, unit: '%' });
const megabytes = (bytes: number): Measure => ({ value: bytes / 1e6, unit: 'MB' });

interface Place {
  readonly porthole: Porthole;
  readonly sandbox: SandboxProcesses;
  /** Xvnc's. */
  readonly desktop: number;
  readonly liveViewUrl: string;
}

/** CPU seconds so far, by what uses them. */
function readCpu({ porthole, sandbox, desktop }: Place): ReadonlyMap<string, number> {
  return new Map([
    ['Xvnc', cpuSecondsOf([desktop])],
    ['agent', cpuSecondsOf([sandbox.agent.pid])],
    ['control process', cpuSecondsOf([porthole.pid])],
    ['Chromium', cpuSecondsOf(sandbox.chromium.map(({ pid }) => pid))],
  ]);
}

async function measureAudience(run: Run, place: Place, count: number): Promise<Row> {
  run.progress(`live: ${count} viewers`);
  const { sandbox, desktop, liveViewUrl } = place;
  await using stack = new AsyncDisposableStack();
  const viewers: Viewer[] = [];
  while (viewers.length < count) viewers.push(stack.use(await watch(liveViewUrl)));
  await delay(settleMs);
  const bytes = (): number => viewers.reduce((sum, viewer) => sum + viewer.bytes(), 0);
  const [before, bytesBefore, startedAt] = [readCpu(place), bytes(), performance.now()];
  await delay(run.samples(fullMs));
  const tookMs = performance.now() - startedAt;
  const shares = [...readCpu(place)].map(([name, seconds]): [string, Measure] => [
    name,
    percent(seconds - (before.get(name) ?? 0), tookMs),
  ]);
  const [xvnc, agent] = shares.map(([, { value }]) => value);
  return {
    section: 'live',
    name: `live view at 1280×720, moving page, viewers: ${count}; CPU of Xvnc and agent`,
    figure: { value: (xvnc ?? 0) + (agent ?? 0), unit: '%' },
    details: {
      ...Object.fromEntries(shares),
      'PSS of both': megabytes(memoryOf([desktop, sandbox.agent.pid])?.pss ?? 0),
      sent: { value: (bytes() - bytesBefore) / 1000 / tookMs, unit: 'MB/s' },
    },
  };
}

/** What it costs that people look on. Needs Xvnc. */
export async function measureLive(run: Run): Promise<void> {
  run.progress('live: starting');
  await using porthole = await startPorthole(run, { PORTHOLE_WARM_MAX: 0 });
  const { cdpUrl, liveViewUrl } = await porthole.create();
  const sandbox = porthole.sandboxes()[0];
  if (!sandbox?.desktop) {
    run.remark('The live view is left out: there is no Xvnc (Debian: tigervnc-standalone-server).');
    return;
  }
  await using client = await attach(cdpUrl);
  await client.call('Target.createTarget', { url: movingPage });
  const place = { porthole, sandbox, desktop: sandbox.desktop.pid, liveViewUrl };
  for (const count of audiences) run.add(await measureAudience(run, place, count));
}

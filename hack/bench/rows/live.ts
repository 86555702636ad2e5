import { setTimeout as delay } from 'node:timers/promises';
import { attach } from '../../../test/support/cdp-client.ts';
import { openRfb, type RfbClient } from '../../../test/support/rfb-client.ts';
import { movingPage } from '../moving-page.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import { cpuSecondsOf, memoryOf } from '../processes.ts';
import type { Measure, Row } from '../report.ts';
import type { Run } from '../run.ts';
import { median, shuffled } from '../statistics.ts';

const audiences = [0, 1, 3];
/** How often each viewer asks for what has changed: noVNC asks as fast as it is answered. */
const framesPerSecond = 15;
const rounds = 4;
const fullMs = 10_000;
const settleMs = 4_000;

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

const percent = (value: number): Measure => ({ value, unit: '%' });
const megabytes = (bytes: number): Measure => ({ value: bytes / 1e6, unit: 'MB' });

interface Place {
  readonly porthole: Porthole;
  readonly liveViewUrl: string;
}

/** Process ids by what they are, as they are now: a page has processes of its own. */
function groupsOf({ porthole }: Place): ReadonlyMap<string, readonly number[]> {
  const [sandbox] = porthole.sandboxes();
  return new Map([
    ['Xvnc', sandbox?.desktop ? [sandbox.desktop.pid] : []],
    ['agent', sandbox ? [sandbox.agent.pid] : []],
    ['control process', [porthole.pid]],
    ['Chromium', sandbox?.chromium.map(({ pid }) => pid) ?? []],
  ]);
}

/** Of a core, in percent, by what uses it; what viewers got, in bytes a second; what Xvnc and agent take, in bytes. */
interface Period {
  readonly shares: ReadonlyMap<string, number>;
  readonly sentRate: number;
  readonly memory: number;
}

async function takePeriod(run: Run, place: Place, audience: number): Promise<Period> {
  await using stack = new AsyncDisposableStack();
  const viewers: Viewer[] = [];
  while (viewers.length < audience) viewers.push(stack.use(await watch(place.liveViewUrl)));
  await delay(settleMs);
  const bytes = (): number => viewers.reduce((sum, viewer) => sum + viewer.bytes(), 0);
  const groups = groupsOf(place);
  const read = (): readonly number[] => [...groups.values()].map(cpuSecondsOf);
  const [before, bytesBefore, startedAt] = [read(), bytes(), performance.now()];
  await delay(run.samples(fullMs), undefined, { signal: run.signal });
  const seconds = (performance.now() - startedAt) / 1000;
  const after = read();
  const shares = [...groups.keys()].map((name, i) => {
    return [name, (((after[i] ?? 0) - (before[i] ?? 0)) / seconds) * 100] as const;
  });
  return {
    shares: new Map(shares),
    sentRate: (bytes() - bytesBefore) / seconds,
    memory: memoryOf([...(groups.get('Xvnc') ?? []), ...(groups.get('agent') ?? [])])?.pss ?? 0,
  };
}

const serving = ({ shares }: Period): number => (shares.get('Xvnc') ?? 0) + (shares.get('agent') ?? 0);

function toRow(audience: number, periods: readonly Period[]): Row {
  const of = (read: (period: Period) => number): number => median(periods.map(read));
  const names = [...(periods[0]?.shares.keys() ?? [])];
  return {
    section: 'live',
    name: `live view at 1280×720, moving page, viewers: ${audience}; CPU of Xvnc and agent`,
    figure: percent(of(serving)),
    details: {
      ...Object.fromEntries(names.map((name) => [name, percent(of(({ shares }) => shares.get(name) ?? 0))])),
      'PSS of both': megabytes(of(({ memory }) => memory)),
      sent: { value: of(({ sentRate }) => sentRate) / 1e6, unit: 'MB/s' },
      n: periods.length,
    },
  };
}

/** Rounds of audiences of each size, in an order that changes; the first round does not count. */
async function measureAudiences(run: Run, place: Place): Promise<ReadonlyMap<number, Period[]>> {
  let taken = new Map<number, Period[]>();
  const all = run.samples(rounds) + 1;
  for (let round = 0; round < all; round += 1) {
    if (round <= 1) taken = new Map(audiences.map((audience) => [audience, []]));
    for (const audience of shuffled(audiences, round)) {
      run.progress(`live: round ${round + 1} of ${all} (the first does not count), viewers: ${audience}`);
      taken.get(audience)?.push(await takePeriod(run, place, audience));
    }
  }
  return taken;
}

/** What it costs that people look on. Needs Xvnc. */
export async function measureLive(run: Run): Promise<void> {
  run.progress('live: starting');
  await using porthole = await startPorthole(run, { PORTHOLE_WARM_MAX: 0 });
  const { cdpUrl, liveViewUrl } = await porthole.create();
  if (!porthole.sandboxes()[0]?.desktop) {
    run.remark('The live view is left out: there is no Xvnc (Debian: tigervnc-standalone-server).');
    return;
  }
  await using client = await attach(cdpUrl);
  await client.call('Target.createTarget', { url: movingPage });
  const place = { porthole, liveViewUrl };
  for (const [audience, periods] of await measureAudiences(run, place)) run.add(toRow(audience, periods));
}

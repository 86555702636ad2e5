import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { devtoolsPorts } from '../../src/api/agent/contract.ts';
import { launchChromium } from '../../src/agent/chromium/launch.ts';
import { locateChromium } from '../../src/agent/chromium/locate.ts';
import { findXvnc, startXvnc } from '../../src/agent/desktop/xvnc.ts';
import { prepareWorkFolder } from '../../src/agent/work-folder.ts';
import { descendantsOf } from '../../test/support/process-table.ts';
import { attachToPage, connectCdp } from './cdp-connection.ts';
import { isRunning, killAll } from './processes.ts';

export type Display = 'headful' | 'headless';

/** Display modes that this machine can show. */
export function availableDisplays(searchPath: string): readonly Display[] {
  return findXvnc(searchPath) ? ['headless', 'headful'] : ['headless'];
}

/** The last of each range, which the local node gives out last. */
const lastIndex = 3999;
const lastUid = 770_000 + lastIndex;
const size = { width: 1280, height: 720 };

/** Milliseconds from exec. */
export interface BareBoot {
  /** `/json/version` is answered. */
  readonly devtoolsMs: number;
  /** A page has run a line of script, which is when a session of ours is ready. */
  readonly pageMs: number;
}

/** Asks again until it is answered, and gives the browser's WebSocket URL. */
async function untilDevtoolsAnswer(port: number): Promise<string> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/json/version`).catch(() => undefined);
    const text = await answer?.text();
    if (answer?.status === 200)
      return (JSON.parse(text ?? '') as { webSocketDebuggerUrl: string }).webSocketDebuggerUrl;
    await delay(1);
  }
}

async function untilPageAnswers(url: string): Promise<void> {
  await using cdp = await connectCdp(url);
  await cdp.call('Runtime.evaluate', { expression: '1' }, await attachToPage(cdp));
}

/**
 * How long a browser takes to start with nothing of Porthole around it: the same program, flags, environment and user as in a
 * sandbox. `desktop`: none; started with it and counted (as in a sandbox); or up and idle before the clock starts.
 */
export async function measureBareBoot(chromium: string, desktop: 'none' | 'counted' | 'before'): Promise<BareBoot> {
  const folderPath = mkdtempSync(path.join(tmpdir(), 'porthole-bare-'));
  const pids: number[] = [];
  let forget = (): void => undefined;
  try {
    chmodSync(folderPath, 0o755);
    const owner = process.getuid?.() === 0 ? { uid: lastUid, gid: lastUid } : undefined;
    const folder = prepareWorkFolder(path.join(folderPath, 'work'), owner);
    const program = locateChromium(chromium);
    const xvnc = desktop === 'none' ? undefined : findXvnc('/usr/local/bin:/usr/bin:/bin');
    let startedAt = performance.now();
    const screen =
      xvnc === undefined ? undefined : await startXvnc({ program: xvnc, display: 100 + lastIndex, folder, size });
    if (screen) {
      pids.push(screen.pid);
      forget = () => screen.forget();
    }
    if (desktop === 'before') {
      await delay(500);
      startedAt = performance.now();
    }
    const devtoolsPort = devtoolsPorts.first + lastIndex;
    const browser = launchChromium({
      chromium: program,
      devtoolsPort,
      podIp: '127.77.15.160',
      folder,
      size,
      desktop: screen,
    });
    pids.push(browser.pid);
    const { port } = await browser.endpoint;
    const url = await untilDevtoolsAnswer(port);
    const devtoolsMs = performance.now() - startedAt;
    await untilPageAnswers(url);
    return { devtoolsMs, pageMs: performance.now() - startedAt };
  } finally {
    const family = pids.flatMap((pid) => [pid, ...descendantsOf(pid).map((entry) => entry.pid)]);
    killAll(family);
    while (family.some(isRunning)) await delay(5);
    forget();
    rmSync(folderPath, { recursive: true, force: true, maxRetries: 5 });
  }
}

import { spawn } from 'node:child_process';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';

/** A Chromium without Porthole around it, headless, with its own sandbox on. */
export interface BareChromium extends AsyncDisposable {
  readonly devtoolsPort: number;
  /** Path of the browser's own WebSocket. */
  readonly browserPath: string;
  /** Sends a signal to all of its processes. */
  signal(name: NodeJS.Signals): void;
}

/** Whom it becomes when the test is root: Chromium does not sandbox root. */
const nobodyElse = { uid: 99_003, gid: 99_003 };

const flags = [
  '--headless=new',
  '--remote-debugging-port=0',
  '--no-first-run',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxFullPopup,WebUIOmniboxAimPopup,PreloadTopChromeWebUI',
];

export async function startBareChromium(): Promise<BareChromium> {
  const home = await mkdtemp(join(tmpdir(), 'porthole-bare-chromium-'));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(home, nobodyElse.uid, nobodyElse.gid);
  const child = spawn(
    process.env['PORTHOLE_CHROMIUM'] ?? 'chromium',
    [...flags, `--user-data-dir=${home}`, 'about:blank'],
    {
      ...(isRoot && nobodyElse),
      cwd: home,
      env: { HOME: home, TMPDIR: home, PATH: process.env['PATH'] },
      stdio: 'ignore',
      detached: true,
    },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid ?? 0), name);
    } catch {
      // It has ended already.
    }
  };
  const dispose = async (): Promise<void> => {
    signal('SIGKILL');
    await exited;
    await rm(home, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    const [port = '', browserPath = ''] = await vi.waitUntil(
      async () => {
        const text = await readFile(join(home, 'DevToolsActivePort'), 'utf8').catch(() => '');
        const lines = text.split('\n');
        return lines.length > 1 ? lines : undefined;
      },
      { timeout: 20_000, interval: 20 },
    );
    return { devtoolsPort: Number(port), browserPath, signal, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

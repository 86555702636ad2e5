import { connectControl, type Control } from './control.ts';
import type { BrowserProcess, DevtoolsEndpoint } from './launch.ts';
import { observeSandbox } from './observe-sandbox.ts';
import { waitForAnsweringPage } from './page.ts';

/** A browser that a client can use. */
export interface UsableBrowser {
  readonly endpoint: DevtoolsEndpoint;
  readonly control: Control;
  /** As in `/json/version`. */
  readonly product: string;
  readonly sandboxed: boolean;
  /** Milliseconds from exec until a page answered. */
  readonly bootMs: number;
}

/** The agent's view of its browser, from exec to death. */
export interface Browser {
  /** Undefined until it is usable. */
  readonly usable: UsableBrowser | undefined;
  readonly isAlive: boolean;
  /** Resolves when it is usable; rejects when it ends before, or is not by the deadline. */
  readonly whenUsable: Promise<UsableBrowser>;
}

/** Under gVisor a start takes 4 s; ten times that, and something else is wrong. */
const bootDeadlineMs = 40_000;

async function prepare(process: BrowserProcess, { proxyReady, judge }: WatchOptions): Promise<UsableBrowser> {
  const { endpoint, startedAt, pid } = process;
  const devtools = await endpoint;
  const control = await connectControl(devtools);
  // Asked together: a browser that is starting takes up to 20 ms for each answer.
  const [{ product }] = await Promise.all([control.call('Browser.getVersion'), waitForAnsweringPage(control)]);
  const bootMs = Math.round(performance.now() - startedAt);
  const sandboxed = observeSandbox(pid);
  judge(sandboxed);
  await proxyReady;
  return { endpoint: devtools, control, product: String(product), sandboxed, bootMs };
}

function rejectAtDeadline(process: BrowserProcess): Promise<never> {
  return new Promise((_, reject) => {
    const leftMs = Math.max(0, bootDeadlineMs - (performance.now() - process.startedAt));
    const timer = setTimeout(() => {
      reject(new Error(`Chromium was not usable within ${bootDeadlineMs / 1000} s.`));
    }, leftMs);
    timer.unref();
    void process.ended.then((how) => {
      clearTimeout(timer);
      // One that never said where it listens has said why not.
      process.endpoint.then(() => reject(new Error(`Chromium ${how}.`)), reject);
    });
  });
}

export interface WatchOptions {
  /** Resolves when the egress proxy takes requests: without it no page can be loaded. Rejects when nobody needs to wait for a browser. */
  readonly proxyReady: Promise<void>;
  /** Told whether Chromium's own sandbox is on, before anybody may use it. Throws when that will not do. */
  readonly judge: (sandboxed: boolean) => void;
}

function failing(promise: Promise<void>): Promise<never> {
  return new Promise((_, reject) => void promise.catch(reject));
}

/** Follows a browser that was just started. */
export function watchBrowser(process: BrowserProcess, options: WatchOptions): Browser {
  let usable: UsableBrowser | undefined;
  let isAlive = true;
  void process.ended.then(() => (isAlive = false));
  const whenUsable = Promise.race([prepare(process, options), rejectAtDeadline(process), failing(options.proxyReady)]);
  whenUsable.then(
    (browser) => (usable = browser),
    () => undefined,
  );
  return {
    whenUsable,
    get usable() {
      return isAlive ? usable : undefined;
    },
    get isAlive() {
      return isAlive;
    },
  };
}

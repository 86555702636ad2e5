import { connectCdp } from './cdp-connection.ts';
import { dialFromHere, getBy } from './dial.ts';
import type { Porthole } from './porthole.ts';
import type { SandboxProcesses } from './processes.ts';

interface ProcessList {
  readonly result: { readonly processInfo: readonly { readonly type: string; readonly id: number }[] };
}

/** The sandbox of a session: its browser says which process it is. */
export async function findSandboxOf(porthole: Pick<Porthole, 'sandboxes'>, cdpUrl: string): Promise<SandboxProcesses> {
  await using cdp = await connectCdp(cdpUrl);
  const { result } = JSON.parse((await cdp.call('SystemInfo.getProcessInfo')).toString()) as ProcessList;
  const browser = result.processInfo.find(({ type }) => type === 'browser')?.id;
  const found = porthole.sandboxes().find(({ chromium }) => chromium.some(({ pid }) => pid === browser));
  if (!found) throw new Error(`no sandbox has the browser ${browser ?? '?'}`);
  return found;
}

export interface BrowserVersion {
  /** Of its own WebSocket. */
  readonly browserPath: string;
  /** e.g. `156.0.8078.79` */
  readonly version: string;
}

/** https://chromedevtools.github.io/devtools-protocol/#get-jsonversion */
export async function readBrowserVersion({ devtoolsPort }: SandboxProcesses): Promise<BrowserVersion> {
  const { body } = await getBy(dialFromHere, { host: '127.0.0.1', port: devtoolsPort }, '/json/version');
  const { webSocketDebuggerUrl, Browser } = JSON.parse(body) as { webSocketDebuggerUrl: string; Browser: string };
  return { browserPath: new URL(webSocketDebuggerUrl).pathname, version: Browser.split('/')[1] ?? '' };
}

import { devtoolsPorts } from '../api/agent/contract.ts';
import type { Identity } from '../lib/privileges.ts';
import { launchChromium, type BrowserProcess } from './chromium/launch.ts';
import { locateChromium } from './chromium/locate.ts';
import { askVersion, userAgentOf } from './chromium/user-agent.ts';
import { findXvnc, startXvnc, type Desktop, type ScreenSize } from './desktop/xvnc.ts';
import type { AgentSettings } from './settings.ts';
import { prepareWorkFolder, type WorkFolder } from './work-folder.ts';

/** A desktop, if any, and a browser on its way. */
export interface Boot {
  readonly desktop: Desktop | undefined;
  readonly browser: BrowserProcess;
}

const screen: ScreenSize = { width: 1280, height: 720 };

/** X displays of sandboxes begin here, one for each DevTools port: as unique on the machine as that. */
const firstDisplay = 100;

async function startDesktop(settings: AgentSettings, folder: WorkFolder): Promise<Desktop | undefined> {
  if (settings.display === 'headless') return undefined;
  const program = findXvnc(settings.searchPath);
  if (program) {
    const display = firstDisplay + settings.devtoolsPort - devtoolsPorts.first;
    return startXvnc({ program, display, folder, size: screen });
  }
  if (settings.display === 'auto') return undefined;
  throw new Error(
    'PORTHOLE_DISPLAY is headful, and there is no Xvnc: install TigerVNC (Debian: tigervnc-standalone-server), or choose auto.',
  );
}

/**
 * Starts what takes longest, before anything else is even loaded: this file and what it imports is all that stands between the
 * start of the agent and the start of Chromium. `owner` is whom all of it runs as, when that is another user.
 */
export async function bootBrowser(settings: AgentSettings, owner: Identity | undefined): Promise<Boot> {
  const chromium = locateChromium(settings.chromium);
  const folder = prepareWorkFolder(settings.workDir, owner);
  const desktop = await startDesktop(settings, folder);
  const version = desktop ? undefined : (settings.chromiumVersion ?? (await askVersion(chromium, folder)));
  const userAgent = version && userAgentOf(version);
  return { desktop, browser: launchChromium({ ...settings, chromium, folder, size: screen, desktop, userAgent }) };
}

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createLogger } from '../lib/logger.ts';
import type { EmbeddedConfig } from './config/parse-config.ts';
import { openDataFolder } from './data-folder.ts';
import { announce } from './embedded/announcement.ts';
import { findBrowserOnPath } from './parts/find-browser.ts';
import { startInstance } from './embedded/instance.ts';
import { takeStopSignals } from './parts/stop-signal.ts';
import { refuse, say } from './say.ts';
import { sentenceFor } from './sentence-for.ts';
import { writePrivate } from './write-private.ts';

const noBrowser =
  'No Chromium was found on the PATH. Install one, or name it with PORTHOLE_CHROMIUM; `npm start` does so by itself where it can.';

/** Runs all of Porthole in this process until a signal ends it. Resolves with the exit code. */
export async function runEmbedded(config: EmbeddedConfig): Promise<number> {
  const chromium = config.chromium ?? findBrowserOnPath(process.env['PATH'] ?? '');
  if (!chromium) return refuse(noBrowser);
  const { first: toldToStop, hurry } = takeStopSignals();
  // What is left then is cleaned up by the next start.
  hurry.addEventListener('abort', () => process.exit(1));
  try {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await openDataFolder(config));
    const instanceFile = path.join(folder.path, 'instance.json');
    const isFirstStart = !existsSync(path.join(folder.path, 'state.json'));
    const logger = createLogger({ name: 'porthole', level: config.logLevel });
    const instance = stack.use(await startInstance({ config, folder, chromium, logger }));
    const { apiUrl, gatewayUrl, metricsUrl } = instance;
    writePrivate(instanceFile, `${JSON.stringify({ pid: process.pid, apiUrl, gatewayUrl, metricsUrl })}\n`);
    stack.defer(() => rm(instanceFile, { force: true }));
    say(
      announce({
        ...instance,
        apiKey: folder.apiKey,
        dataDir: folder.path,
        chromium,
        isFirstStart,
        readyAfterMs: performance.now(),
      }),
    );
    const signal = await toldToStop;
    say(`\n${signal}: ending all sessions.`);
  } catch (error) {
    return refuse(sentenceFor(error));
  }
  return 0;
}

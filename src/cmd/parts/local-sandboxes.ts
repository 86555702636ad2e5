import { mkdirSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import type { LocalNodeOptions } from '../../localnode/node.ts';
import type { StateFolder } from '../data-folder.ts';
import { watchBrowserVersion } from './browser-version.ts';
import { createLocalImages } from './local-images.ts';

export interface LocalSandboxesOptions {
  readonly folder: StateFolder;
  /** Path of the browser. */
  readonly chromium: string;
  readonly logLevel: string;
}

/** First of 4000 user ids for sandboxes: far above those that systems give out. */
const firstSandboxUid = 770_000;
const mostPods = 1_000;

/** What a local node needs to run sandboxes on this machine. */
export function localSandboxes({
  folder,
  chromium,
  logLevel,
}: LocalSandboxesOptions): Pick<LocalNodeOptions, 'commandFor' | 'capacity' | 'stateDir' | 'podsDir' | 'firstUid'> {
  const compileCache = path.join(folder.path, 'compile-cache');
  mkdirSync(compileCache, { recursive: true, mode: 0o700 });
  return {
    commandFor: createLocalImages({ chromium, chromiumVersion: watchBrowserVersion(chromium), logLevel, compileCache }),
    capacity: { cpuMillis: availableParallelism() * 1000, memoryBytes: memoryBytes(), pods: mostPods },
    stateDir: path.join(folder.path, 'node'),
    podsDir: folder.sandboxRoot,
    ...(process.getuid?.() === 0 && { firstUid: firstSandboxUid }),
  };
}

/** What this process may use: a container's limit counts where there is one. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

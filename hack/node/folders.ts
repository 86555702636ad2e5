import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLock, DataFolderInUse } from '../../src/cmd/data-folder.ts';
import { removeCgroup } from './cgroups.ts';

/** Where nodes keep what they share and what each has for itself, below XDG's cache home: one file system, so that files can be linked. */
export function nodeCache(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CACHE_HOME'];
  const cache = xdg && path.isAbsolute(xdg) ? xdg : path.join(env['HOME'] ?? homedir(), '.cache');
  return path.join(cache, 'porthole', 'node');
}

const lookAgainMs = 200;

/** Does something while nobody else on this machine does it with the same folder. */
export async function withFolder<T>(folder: string, act: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true });
  for (;;) {
    const lock = await acquireLock(folder).catch((error: unknown) => {
      if (error instanceof DataFolderInUse) return undefined;
      throw error;
    });
    if (!lock) {
      await sleep(lookAgainMs);
      continue;
    }
    try {
      return await act();
    } finally {
      await new Promise((resolve) => lock.close(resolve));
    }
  }
}

/** The folder of one node while it runs. Disposing removes it, and the cgroup of its name. */
export interface NodeFolder extends AsyncDisposable {
  readonly path: string;
  /** At the top of every hierarchy. */
  readonly cgroup: string;
}

const cgroupOf = (folder: string): string => `porthole-${path.basename(folder)}`;

async function remove(folder: string): Promise<void> {
  await removeCgroup(cgroupOf(folder));
  // A kubelet makes files that nobody may change.
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Removes the folders and cgroups of nodes whose launcher was killed: nobody holds them any more. */
async function sweep(runs: string): Promise<void> {
  for (const name of readdirSync(runs)) {
    const folder = path.join(runs, name);
    const lock = await acquireLock(folder).catch(() => undefined);
    if (!lock) continue;
    await remove(folder);
    await new Promise((resolve) => lock.close(resolve));
  }
}

/** A new folder for a node. What earlier ones have left behind goes. */
export async function openNodeFolder(env: NodeJS.ProcessEnv): Promise<NodeFolder> {
  const runs = path.join(nodeCache(env), 'run');
  return withFolder(runs, async () => {
    await sweep(runs);
    const folder = mkdtempSync(path.join(runs, 'node-'));
    const lock = await acquireLock(folder).catch((error: unknown) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
    return {
      path: folder,
      cgroup: cgroupOf(folder),
      [Symbol.asyncDispose]: async () => {
        await remove(folder);
        await new Promise((resolve) => lock.close(resolve));
      },
    };
  });
}

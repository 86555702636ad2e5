import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** https://man7.org/linux/man-pages/man7/cgroups.7.html */
interface Hierarchy {
  readonly folder: string;
  readonly version: 1 | 2;
}

/** All hierarchies of a machine, from the text of /proc/self/mounts. */
export function parseHierarchies(mounts: string): readonly Hierarchy[] {
  const lines = mounts.split('\n').map((line) => line.split(' '));
  return lines.flatMap(([, folder = '', type]) => {
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    return [{ folder, version: type === 'cgroup' ? 1 : 2 } as const];
  });
}

const readHierarchies = (): readonly Hierarchy[] => parseHierarchies(readFileSync('/proc/self/mounts', 'utf8'));

/** Version 2 hands a controller down only when it is told to, one by one. */
function handDown(folder: string): void {
  const controllers = readFileSync(path.join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ');
  for (const controller of controllers.filter(Boolean)) {
    try {
      writeFileSync(path.join(folder, 'cgroup.subtree_control'), `+${controller}`);
    } catch {
      // What cannot be handed down here is not used.
    }
  }
}

/** Makes a cgroup of this name at the top of every hierarchy: the kubelet wants its root to be there. */
export function makeCgroup(name: string): void {
  const hierarchies = readHierarchies();
  const isMixed = hierarchies.some(({ version }) => version === 1);
  for (const { folder, version } of hierarchies) {
    if (version === 2 && isMixed) continue;
    if (version === 2) handDown(folder);
    mkdirSync(path.join(folder, name), { recursive: true });
    if (version === 2) handDown(path.join(folder, name));
  }
}

/** All below, deepest first, then the folder itself. */
function listFolders(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...inside.flatMap(({ name }) => listFolders(path.join(folder, name))), folder];
}

function readPids(folder: string): readonly number[] {
  try {
    return readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** The folders of a cgroup and of those below it, in every hierarchy; deepest first in each. */
export function listCgroupFolders(name: string): readonly string[] {
  return readHierarchies().flatMap(({ folder }) => listFolders(path.join(folder, name)));
}

/** Every process in a cgroup and those below it, in whatever hierarchy; `part`: of those only whose path has it. */
export function listCgroupPids(name: string, part = ''): readonly number[] {
  const folders = listCgroupFolders(name).filter((folder) => folder.includes(part));
  // 0: of a process outside of this pid namespace.
  return [...new Set(folders.flatMap(readPids))].filter((pid) => pid > 0);
}

/** A folder may be busy for a moment after its last process has gone. */
const attempts = 200;
const pauseMs = 20;

async function removeFolder(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt >= attempts) throw error;
      await sleep(pauseMs);
    }
  }
}

/** Ends what is left in it, and removes it from all hierarchies. */
export async function removeCgroup(name: string): Promise<void> {
  for (const pid of listCgroupPids(name)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  for (const { folder } of readHierarchies()) {
    for (const below of listFolders(path.join(folder, name))) await removeFolder(below);
  }
}

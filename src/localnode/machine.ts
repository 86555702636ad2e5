import { readFileSync, statfsSync } from 'node:fs';
import { arch, hostname, release } from 'node:os';
import type { MachineFacts } from './node-object.ts';
import { readBootId } from './process-table.ts';

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** What `pattern`'s first group finds in a file; undefined when there is no such file or no such thing in it. */
function readFrom(file: string, pattern: RegExp): string | undefined {
  try {
    return pattern.exec(readFileSync(file, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** What this machine says of itself; a made-up name where it says nothing, since a Node must have one. */
export function readMachine(): MachineFacts {
  return {
    machineId: readFrom('/etc/machine-id', /^(\w+)/) ?? hostname(),
    bootId: readBootId() || hostname(),
    kernelVersion: release(),
    osImage: readFrom('/etc/os-release', /^PRETTY_NAME="?([^"\n]+)/m) ?? process.platform,
    operatingSystem: process.platform,
    architecture: goArchitectures[arch()] ?? arch(),
  };
}

/** Bytes that are left to write in the file system of a folder. */
export function readFreeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

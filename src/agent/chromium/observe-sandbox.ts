import { readFileSync, readlinkSync } from 'node:fs';
import { findFamily, listProcesses } from '../process-tree.ts';

/** What /proc/<pid> says of one process, as far as it matters here. */
export interface Confinement {
  /** 2: a filter decides which system calls it may make. https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html */
  readonly seccompMode: number;
  /** How many PID namespaces it is in, counted from that of whoever reads it. 0: the kernel does not say. */
  readonly pidNamespaces: number;
  /** Which one it is in. Empty: nobody but itself may know. */
  readonly pidNamespace: string;
}

/** `status` and the target of `ns/pid`. */
export function parseConfinement(status: string, pidNamespace: string): Confinement {
  const seccomp = /^Seccomp:\s*(\d+)/m.exec(status)?.[1];
  const pids = /^NSpid:\s*([\d\s]*?)$/m.exec(status)?.[1] ?? '';
  return { seccompMode: Number(seccomp ?? 0), pidNamespaces: pids.split(/\s+/).filter(Boolean).length, pidNamespace };
}

/**
 * Whether a renderer is in Chromium's sandbox: a seccomp filter, and a PID namespace of its own, which without root takes a user
 * namespace. Seen from outside, not read off the command line.
 */
export function isConfined(renderer: Confinement, browser: Confinement): boolean {
  return renderer.seccompMode === 2 && hasOwnPids(renderer, browser);
}

/** Linux counts, and shows a renderer's namespaces to nobody; gVisor does not count, and shows them. */
function hasOwnPids(renderer: Confinement, browser: Confinement): boolean {
  if (renderer.pidNamespaces > 0 && browser.pidNamespaces > 0) return renderer.pidNamespaces > browser.pidNamespaces;
  const areKnown = renderer.pidNamespace !== '' && browser.pidNamespace !== '';
  return areKnown && renderer.pidNamespace !== browser.pidNamespace;
}

function look(pid: number): Confinement {
  let pidNamespace = '';
  try {
    pidNamespace = readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    // As said above, or gone.
  }
  return parseConfinement(read(pid, 'status'), pidNamespace);
}

function read(pid: number, file: 'status' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Looks at the browser's renderers. False when there is none, or one that is not confined. */
export function observeSandbox(browserPid: number): boolean {
  const browser = look(browserPid);
  const renderers = findFamily(listProcesses(), browserPid).filter((pid) =>
    /--type=renderer\b/.test(read(pid, 'cmdline')),
  );
  return renderers.length > 0 && renderers.every((pid) => isConfined(look(pid), browser));
}

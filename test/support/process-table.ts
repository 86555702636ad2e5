import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel says about processes: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly state: string;
  /** Clock ticks from boot to the start: with the pid it names one process for ever. */
  readonly startTicks: number;
  /** Arguments joined by blanks (Chromium's children rewrite theirs into one). */
  readonly command: string;
}

export function readProcess(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return {
      pid,
      ppid: Number(fields[1]),
      uid: Number(uid),
      state: fields[0] ?? '?',
      startTicks: Number(fields[19]),
      command,
    };
  } catch {
    return undefined; // it ended while we looked
  }
}

export function listProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((entry) => entry !== undefined);
}

/** All that run below `pid`, without it. */
export function descendantsOf(pid: number): ProcessEntry[] {
  const all = listProcesses();
  const below = (parent: number): ProcessEntry[] =>
    all.filter((p) => p.ppid === parent).flatMap((p) => [p, ...below(p.pid)]);
  return below(pid);
}

/** Those of `entries` that still run: a zombie does not, nor does another process under the same pid. */
export function stillRunning(entries: readonly ProcessEntry[]): ProcessEntry[] {
  return entries.filter((entry) => {
    const now = readProcess(entry.pid);
    // One without a command line has let go of its memory: it has ended, and waits for somebody else to be reaped.
    return now !== undefined && now.startTicks === entry.startTicks && now.state !== 'Z' && now.command !== '';
  });
}

/** Chromium's main processes, one a sandbox. */
export function browsersAmong(entries: readonly ProcessEntry[]): ProcessEntry[] {
  return entries.filter((p) => p.command.includes('--user-data-dir=') && !p.command.includes('--type='));
}

/** Addresses of the agents that these users' processes are. */
export function localSandboxAddresses(entries: readonly ProcessEntry[]): readonly string[] {
  const users = new Set(entries.map(({ uid }) => uid));
  const own = listListeners().filter(({ address, uid }) => address.startsWith('127.77.') && users.has(uid));
  return [...new Set(own.map(({ address }) => address))];
}

function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').reverse();
  return [...bytes].join('.');
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Of whoever opened it. */
  readonly uid: number;
}

/** Everything on this machine that listens on IPv4 TCP: https://man7.org/linux/man-pages/man5/proc_net.5.html */
export function listListeners(): Listener[] {
  const listening = '0A';
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listening)
    .map((fields) => {
      const [address = '', port = ''] = (fields[1] ?? '').split(':');
      return { address: addressOf(address), port: Number.parseInt(port, 16), uid: Number(fields[7]) };
    });
}

import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, statfsSync } from 'node:fs';
import path from 'node:path';
import type { Desktop, ScreenSize } from '../desktop/xvnc.ts';
import type { WorkFolder } from '../work-folder.ts';
import { buildFlags } from './flags.ts';

export interface LaunchOptions {
  /** Path of the browser. */
  readonly chromium: string;
  readonly devtoolsPort: number;
  readonly podIp: string;
  readonly folder: WorkFolder;
  readonly size: ScreenSize;
  /** Absent: headless. */
  readonly desktop: Desktop | undefined;
  /** What it calls itself; absent: what it does by itself. */
  readonly userAgent?: string | undefined;
}

/** Where a browser's DevTools listen, on 127.0.0.1. */
export interface DevtoolsEndpoint {
  readonly port: number;
  /** WebSocket path of the browser itself, `/devtools/browser/<id>`. */
  readonly browserPath: string;
}

export interface BrowserProcess {
  readonly pid: number;
  /** When it was started, by `performance.now()`. */
  readonly startedAt: number;
  /** Resolves when it says where DevTools listen; rejects when it ends before. */
  readonly endpoint: Promise<DevtoolsEndpoint>;
  /** Resolves when it is gone, with how it ended in words. */
  readonly ended: Promise<string>;
}

/** Below this, tabs crash for want of shared memory; Docker's default is 64 MiB. */
const enoughShm = 512 * 1024 * 1024;

function lacksShm(): boolean {
  try {
    accessSync('/dev/shm', constants.W_OK);
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize < enoughShm;
  } catch {
    return true;
  }
}

/** Made from nothing: whatever is in this program's environment is none of a page's business. */
function buildEnvironment({ folder, desktop }: LaunchOptions): Record<string, string> {
  const { home, tmp } = folder;
  return {
    HOME: home,
    LANG: 'C.UTF-8',
    PATH: '/usr/local/bin:/usr/bin:/bin',
    TMPDIR: tmp,
    XDG_CACHE_HOME: path.join(home, '.cache'),
    XDG_CONFIG_HOME: path.join(home, '.config'),
    XDG_DATA_HOME: path.join(home, '.local', 'share'),
    // There is no session bus, and none must be started.
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/dev/null',
    NO_AT_BRIDGE: '1',
    // Where a page plays sound, libpulse makes a folder; in /tmp, for ever, where TMPDIR is relative.
    PULSE_RUNTIME_PATH: path.join(home, '.pulse'),
    ...desktop?.env,
  };
}

/** The whole line: a pipe may give the first half of it first. */
const announcement = /^DevTools listening on ws:\/\/[^/]+:(\d+)(\/\S+)\s*\n/m;

/** What Chromium says on standard error when DevTools listen; undefined as long as it has not. */
export function parseAnnouncement(said: string): DevtoolsEndpoint | undefined {
  const [, port, browserPath] = announcement.exec(said) ?? [];
  return port !== undefined && browserPath !== undefined ? { port: Number(port), browserPath } : undefined;
}

/** Bytes of complaints kept for the case that it does not come up. */
const longestComplaint = 16_384;

function readEndpoint(child: ChildProcess, ended: Promise<string>): Promise<DevtoolsEndpoint> {
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer): void => {
      said = `${said}${chunk.toString()}`.slice(-longestComplaint);
      const found = parseAnnouncement(said);
      if (!found) return;
      // From here on what it says is thrown away, but read: a full pipe would stop it.
      child.stderr?.off('data', listen).resume();
      resolve(found);
    };
    child.stderr?.on('data', listen);
    void ended.then((how) => {
      const lastWords = said.trim().split('\n').slice(-3).join(' | ');
      reject(new Error(`Chromium ${how} before it could be used. It said: ${lastWords}`));
    });
  });
}

/**
 * Starts Chromium with one tab, as the owner of the work folder. It stays in this process's session (setsid(2)): what ends the
 * container, ends it.
 */
export function launchChromium(options: LaunchOptions): BrowserProcess {
  const { folder, desktop } = options;
  const flags = buildFlags({
    ...options,
    profile: folder.profile,
    isHeadless: desktop === undefined,
    avoidsShm: lacksShm(),
  });
  const startedAt = performance.now();
  const child = spawn(options.chromium, flags, {
    ...folder.owner,
    cwd: folder.path,
    env: buildEnvironment(options),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with code ${code ?? 0}`));
  });
  const endpoint = readEndpoint(child, ended);
  endpoint.catch(() => undefined); // Whoever starts it may still be loading the code that looks.
  return { pid: child.pid ?? 0, startedAt, endpoint, ended };
}

import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, closeSync, existsSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../find-program.ts';
import type { WorkFolder } from '../work-folder.ts';
import { buildXauthority } from './xauthority.ts';

/** Pixels. */
export interface ScreenSize {
  readonly width: number;
  readonly height: number;
}

export interface XvncOptions {
  /** Path of the program. */
  readonly program: string;
  /** X display number; nobody else's on the machine. */
  readonly display: number;
  readonly folder: WorkFolder;
  readonly size: ScreenSize;
}

/** A running X server whose screen is served over VNC. */
export interface Desktop {
  readonly pid: number;
  /** What its clients need. */
  readonly env: { readonly DISPLAY: string; readonly XAUTHORITY: string };
  /** UNIX socket that speaks RFB to who may read it: the sandbox's own user. */
  readonly rfbSocket: string;
  /** Removes what it leaves outside of the work folder. Only once it is dead. */
  forget(): void;
}

/** TigerVNC's server, under either of its names; undefined when it is not installed. */
export function findXvnc(searchPath: string): string | undefined {
  return findProgram(['Xtigervnc', 'Xvnc'], searchPath);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

interface DisplayFiles {
  readonly lock: string;
  readonly socket: string;
}

/** Where every X server keeps them, and Xlib looks: neither TMPDIR nor an option moves them. */
function filesOf(display: number): DisplayFiles {
  return { lock: `/tmp/.X${display}-lock`, socket: `/tmp/.X11-unix/X${display}` };
}

/** A server that was killed leaves both, and the next of another user could not remove them. */
function removeStale({ lock, socket }: DisplayFiles): void {
  const pid = existsSync(lock) ? Number.parseInt(readFileSync(lock, 'utf8').trim(), 10) : Number.NaN;
  if (pid > 0 && isAlive(pid)) throw new Error(`another X server (pid ${pid}) has the display of ${socket}`);
  rmSync(lock, { force: true });
  rmSync(socket, { force: true });
}

const sizeArgument = ({ width, height }: ScreenSize): string => `${width}x${height}`;

function argumentsFor({ display, size }: XvncOptions, authFile: string, rfbSocket: string): string[] {
  return [
    `:${display}`,
    ...['-auth', authFile, '-nolisten', 'tcp', '-nolisten', 'local', '-noreset'],
    ...['-geometry', sizeArgument(size), '-depth', '24'],
    // No password: its only door is a socket in a folder that is the sandbox's own. Port -1: no TCP.
    ...['-SecurityTypes', 'None', '-rfbunixpath', rfbSocket, '-rfbunixmode', '0600', '-rfbport', '-1'],
    // Sizes are set by the agent alone: it drops what viewers say of them. What is merely selected is nobody's clipboard.
    ...['-AlwaysShared', '-AcceptSetDesktopSize=1', '-SendPrimary=0', '-desktop', 'Porthole'],
  ];
}

const rfbName = 'rfb';
/** The socket is there 8 ms after exec on an idle machine; the rest of its start goes on while Chromium loads. */
const lookEveryMs = 1;
const startDeadlineMs = 20_000;

/** Resolves when clients can connect: they wait in the socket's queue until the server is through with its own start. */
async function socketAppears(child: ChildProcess, socket: string): Promise<void> {
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-2_000)));
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code, signal) => (failure ??= `it ended with ${signal ?? code ?? 'nothing'}`));
  const deadline = performance.now() + startDeadlineMs;
  while (!existsSync(socket)) {
    if (failure !== undefined) throw new Error(`Xvnc did not start: ${failure}. It said: ${complaint.trim()}`);
    if (performance.now() > deadline) throw new Error(`Xvnc did not start within ${startDeadlineMs / 1000} s.`);
    await delay(lookEveryMs);
  }
}

/** The kernel's own random bytes (random(4)). Chromium waits for this, and loading node:crypto would take 8 ms. */
function makeCookie(): Buffer {
  const cookie = Buffer.alloc(16);
  const source = openSync('/dev/urandom', 'r');
  try {
    if (readSync(source, cookie) !== cookie.length) throw new Error('/dev/urandom gave too few bytes');
  } finally {
    closeSync(source);
  }
  return cookie;
}

/** Starts Xvnc and waits until it takes connections. It stays in this process's session and dies with the pod. */
export async function startXvnc(options: XvncOptions): Promise<Desktop> {
  const { program, display, folder } = options;
  const files = filesOf(display);
  removeStale(files);
  const authFile = path.join(folder.path, 'xauthority');
  writeFileSync(authFile, buildXauthority(makeCookie()), { mode: 0o600 });
  if (folder.owner) chownSync(authFile, folder.owner.uid, folder.owner.gid);
  // A relative name: the folder's may be longer than a socket's address.
  const child = spawn(program, argumentsFor(options, authFile, rfbName), {
    ...folder.owner,
    cwd: folder.path,
    env: { HOME: folder.home, TMPDIR: folder.tmp, PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await socketAppears(child, files.socket);
  return {
    pid: child.pid ?? 0,
    env: { DISPLAY: `:${display}`, XAUTHORITY: authFile },
    rfbSocket: path.join(folder.path, rfbName),
    forget: () => {
      rmSync(files.lock, { force: true });
      rmSync(files.socket, { force: true });
    },
  };
}

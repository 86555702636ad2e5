import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { makeKeyTexts, parseKeys, type Keys } from './keys.ts';
import { openSandboxRoot } from './sandbox-root.ts';
import { writePrivate } from './write-private.ts';

/** A folder that holds all state of one process, while that process uses it. Disposing lets go of it. */
export interface StateFolder extends AsyncDisposable {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Where the sandboxes' work folders lie: such that their unprivileged user can reach it. */
  readonly sandboxRoot: string;
}

/** The folder of one instance of embedded mode. */
export interface DataFolder extends StateFolder {
  /** Of the default account: kept from the first start on; the one that was set, when one was. */
  readonly apiKey: string;
  readonly keys: Keys;
}

export interface DataFolderOptions {
  /** Made when missing. Relative to the working directory. */
  readonly dataDir: string;
  /** Instead of the kept one; not written down. */
  readonly apiKey?: string;
}

/** Another instance uses the folder. The message names the folder and its process. */
export class DataFolderInUse extends Error {
  override readonly name = 'DataFolderInUse';
}

const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * As root, the sandboxes' unprivileged user must be able to pass through on its way to its own folder: it may enter, but neither
 * list nor, by the files' own modes, read. Otherwise nobody else has any business in it. A folder that exists keeps its mode.
 */
export function makeFolder(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true, mode: isRoot() ? 0o711 : 0o700 });
  return realpathSync(dataDir);
}

/**
 * Holding the lock is listening on a socket in Linux's abstract namespace (unix(7)): two cannot, and the kernel lets go of it
 * when the process ends, however it ends. The name is the folder's inode, so that every path to the folder is the same lock.
 */
export function acquireLock(folder: string): Promise<Server> {
  const { dev, ino } = statSync(folder);
  // Nothing is ever said on it.
  const server = createServer((socket) => void socket.destroy());
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new DataFolderInUse(inUse(folder)) : error);
    });
    server.listen({ path: `\0porthole-data-${dev}-${ino}` }, () => resolve(server));
  });
}

const pidFile = (folder: string): string => path.join(folder, 'pid');

function inUse(folder: string): string {
  const pid = existsSync(pidFile(folder)) ? readFileSync(pidFile(folder), 'utf8').trim() : 'unknown';
  return `${folder} is in use by another Porthole (process ${pid}). End that one, or give this one a folder of its own: PORTHOLE_DATA_DIR.`;
}

export function keepSecret(file: string, make: () => string): string {
  if (!existsSync(file)) writePrivate(file, `${make()}\n`);
  chmodSync(file, 0o600);
  const kept = readFileSync(file, 'utf8').trim();
  if (kept === '') throw new Error(`${file} is empty; remove it and a new one is made`);
  return kept;
}

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 40 random characters are 238 bits. The prefix lets secret scanners know it for what it is. */
export function makeApiKey(): string {
  return `ph_${Array.from({ length: 40 }, () => base62.charAt(randomInt(base62.length))).join('')}`;
}

/** Takes the folder for this process. Throws {@link DataFolderInUse}, or what the file system says. */
export async function openStateFolder(dataDir: string): Promise<StateFolder> {
  const folder = makeFolder(dataDir);
  const lock = await acquireLock(folder);
  const letGo = (): Promise<void> => new Promise((resolve) => lock.close(() => resolve()));
  try {
    writeFileSync(pidFile(folder), `${process.pid}\n`, { mode: 0o600 });
    const sandboxes = openSandboxRoot(folder, { isRoot: isRoot() });
    return {
      path: folder,
      sandboxRoot: sandboxes.path,
      [Symbol.asyncDispose]: async () => {
        sandboxes[Symbol.dispose]();
        rmSync(pidFile(folder), { force: true });
        await letGo();
      },
    };
  } catch (error) {
    await letGo();
    throw error;
  }
}

/** The same with the keys of embedded mode, made at the first start. */
export async function openDataFolder({ dataDir, apiKey }: DataFolderOptions): Promise<DataFolder> {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await openStateFolder(dataDir));
  const file = (name: string): string => path.join(folder.path, name);
  const keys = parseKeys({
    tokenKey: keepSecret(file('token.key'), () => makeKeyTexts().tokenKey),
    ticketKey: keepSecret(file('ticket.key'), () => makeKeyTexts().ticketKey),
  });
  const kept = { ...folder, keys, apiKey: apiKey ?? keepSecret(file('api-key'), makeApiKey) };
  opening.move();
  return kept;
}

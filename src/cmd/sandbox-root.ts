import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Where the sandboxes' work folders lie. Disposing removes it with all that is in it. */
export interface SandboxRoot extends Disposable {
  /** Absolute. Others may pass through it, not list it. */
  readonly path: string;
}

export interface SandboxRootOptions {
  /** Then sandboxes run as another user. */
  readonly isRoot: boolean;
  /** Where to go when that user cannot reach the data folder. Default the system's folder for temporary files. */
  readonly temporary?: string;
}

/** Can any user pass through `folder` and all above it? */
function isOpenToPass(folder: string): boolean {
  const { root } = path.parse(folder);
  for (let at = folder; ; at = path.dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === root) return true;
  }
}

/** The name is the same at each start, so that a start finds what a killed one left. */
function chooseFolder(dataFolder: string, { isRoot, temporary = tmpdir() }: SandboxRootOptions): string {
  if (!isRoot || isOpenToPass(dataFolder)) return path.join(dataFolder, 'sandboxes');
  const name = createHash('sha256').update(dataFolder).digest('hex').slice(0, 16);
  return path.join(temporary, `porthole-${name}`);
}

/** Everybody may make folders in a temporary folder: one that somebody else made under this name is not trusted. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) {
    const found = lstatSync(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) {
      throw new Error(`${folder} is not a folder of this user; remove it, or set TMPDIR to another place`);
    }
  }
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o711);
}

/**
 * The sandboxes' folder: in the data folder when their user can get there, else (data folders below /root) among the temporary
 * files. Where it is, is written into the data folder: a start that chooses differently removes the one before. What a killed
 * instance left in the same place stays, for whoever ends its processes.
 */
export function openSandboxRoot(dataFolder: string, options: SandboxRootOptions): SandboxRoot {
  const record = path.join(dataFolder, 'sandbox-root');
  const folder = chooseFolder(dataFolder, options);
  const before = existsSync(record) ? readFileSync(record, 'utf8').trim() : '';
  if (before !== '' && before !== folder) rmSync(before, { recursive: true, force: true });
  makeFolder(folder);
  writeFileSync(record, `${folder}\n`, { mode: 0o600 });
  return {
    path: folder,
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      rmSync(record, { force: true });
    },
  };
}

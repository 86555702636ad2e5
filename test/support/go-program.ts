import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const repository = resolve(import.meta.dirname, '../..');

/** Go's command, which its own archive puts where only login shells look; undefined: it is not here. */
export const go = ['go', '/usr/local/go/bin/go'].find((file) => spawnSync(file, ['version']).status === 0);

/** A program that was built for a test. */
export interface GoProgram extends AsyncDisposable {
  readonly file: string;
}

/** Builds a folder of this repository. Takes a minute where nobody has built its modules before. */
export async function buildGo(folder: string): Promise<GoProgram> {
  const out = await mkdtemp(join(tmpdir(), 'porthole-go-'));
  const file = join(out, 'program');
  await promisify(execFile)(go ?? 'go', ['build', '-o', file, '.'], { cwd: join(repository, folder) });
  return { file, [Symbol.asyncDispose]: () => rm(out, { recursive: true, force: true }) };
}

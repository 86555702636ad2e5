/**
 * `npm run generate`: writes what is made from the sources. With `--check` it writes to a temporary folder, compares, and fails
 * naming what is out of date.
 */
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generated } from './generate/outputs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function read(folder: string, file: string): string {
  try {
    return readFileSync(path.join(folder, file), 'utf8');
  } catch {
    return '';
  }
}

async function writeAll(folder: string): Promise<void> {
  for (const { file, make } of generated) {
    const text = await make(read(root, file));
    const target = path.join(folder, file);
    mkdirSync(path.dirname(target), { recursive: true });
    // A file that is as it should be keeps its time: watchers need not wake.
    if (text !== read(folder, file)) writeFileSync(target, text);
  }
}

async function check(): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'porthole-generate-'));
  try {
    await writeAll(folder);
    const stale = generated.filter(({ file }) => read(folder, file) !== read(root, file));
    for (const { file, from } of stale) console.error(`${file} does not fit ${from}: npm run generate`);
    return stale.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv.includes('--check')) process.exitCode = await check();
else await writeAll(root);

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installFile } from './seccomp-profile.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'porthole-profile-'));
  await writeFile(join(folder, 'source'), '{}');
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const at = (...names: string[]): string => join(folder, ...names);

it('is written for everybody to read, in a folder that need not be there, and nothing is left beside it', async () => {
  expect(await installFile(at('source'), at('a', 'b', 'profile.json'))).toBe(true);
  expect(await readFile(at('a', 'b', 'profile.json'), 'utf8')).toBe('{}');
  expect((await stat(at('a', 'b', 'profile.json'))).mode & 0o777).toBe(0o644);
  expect(await readdir(at('a', 'b'))).toEqual(['profile.json']);
});

it('is written again only when it differs', async () => {
  await installFile(at('source'), at('profile.json'));
  expect(await installFile(at('source'), at('profile.json'))).toBe(false);
  await writeFile(at('profile.json'), 'edited');
  expect(await installFile(at('source'), at('profile.json'))).toBe(true);
  expect(await readFile(at('profile.json'), 'utf8')).toBe('{}');
});

const start = (...args: string[]) =>
  spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'seccomp-profile', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });

it('stays until it is told to end', async () => {
  await chmod(folder, 0o755);
  const child = start(at('source'), at('profile.json'));
  await once(child.stdout, 'data');
  expect(await readFile(at('profile.json'), 'utf8')).toBe('{}');
  child.kill('SIGTERM');
  expect((await once(child, 'exit'))[0]).toBe(0);
});

it.each([
  ['it is not told where', [], 2, /Usage/],
  ['there is no source', ['/nonexistent/a', '/nonexistent/b'], 1, /cannot be written/],
])('ends, saying why, when %s', async (_, args, code, why) => {
  const child = start(...args);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  expect((await once(child, 'close'))[0]).toBe(code);
  expect(said).toMatch(why);
});

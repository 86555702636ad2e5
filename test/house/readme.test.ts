import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEmbeddedWorld, type EmbeddedWorld } from '../support/embedded-world.ts';
import { readReadmeBlocks } from './readme-blocks.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
/** Those marked `cluster` are run by test/cluster/readme.test.ts. */
const blocks = readReadmeBlocks(readFileSync(join(root, 'README.md'), 'utf8')).filter((b) => !b.options.has('cluster'));

let world: EmbeddedWorld;
let scratch: string;

beforeAll(async () => {
  world = await startEmbeddedWorld();
  // Modules find the clients only from within the repository.
  scratch = await mkdtemp(join(root, 'node_modules', '.readme-'));
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

/** What a reader has: the documented port and folder, which here are this world's. */
function here(code: string): string {
  return code
    .replaceAll('http://127.0.0.1:8080', world.apiUrl)
    .replaceAll('~/.local/share/porthole', world.place.dataDir);
}

const expected: Readonly<Record<string, RegExp>> = {
  sh: /"status":\s*"ready"/,
  'playwright-core': /Hello from a Chromium of your own/,
  'puppeteer-core': /Hello/,
  'chrome-remote-interface': /Chrome\/\d+/,
};

it('has a block for the shell and for each client', () => {
  expect(blocks.map((b) => b.language)).toEqual(['sh', 'js', 'js', 'js']);
});

it.each(blocks.map((b) => [b.line, b] as const))(
  'line %i of the README does what it says',
  async (_line, { language, code }) => {
    const env = { ...process.env, PORTHOLE: `${world.apiUrl}/api/v1`, KEY: world.api.apiKey };
    const file = join(scratch, language === 'sh' ? 'block.sh' : 'block.mjs');
    await writeFile(file, here(code));
    const { stdout } = await run(language === 'sh' ? 'sh' : process.execPath, [file], { env, cwd: root });
    const client = Object.keys(expected).find((name) => code.includes(`from '${name}'`)) ?? language;
    expect(stdout).toMatch(expected[client] ?? /never/);
  },
);

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readReadmeBlocks } from '../house/readme-blocks.ts';
import { attach } from '../support/cdp-client.ts';
import { startClusterWorld, type ClusterWorld } from '../support/cluster-world.ts';
import { findBinaries } from '../support/control-plane.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const blocks = readReadmeBlocks(readFileSync(join(root, 'README.md'), 'utf8')).filter((b) => b.options.has('cluster'));

let world: ClusterWorld;

beforeAll(async () => {
  world = await startClusterWorld({ warm: { min: 1, max: 1 } });
});
afterAll(() => world[Symbol.asyncDispose]());

/** As pasted, by a reader whose cluster lies here and who has a kubectl. */
async function paste(code: string): Promise<string> {
  const env = { ...process.env, PATH: `${dirname(findBinaries().kubectl)}:${process.env['PATH'] ?? ''}` };
  const here = code.replaceAll('~/.local/share/porthole-cluster', world.dir);
  return (await run('sh', ['-e', '-c', here], { env, cwd: root })).stdout;
}

it('the README’s lines give a browser, tell about it, and end it', async () => {
  const [open = '', end = ''] = blocks.map(({ code }) => code);
  expect(blocks).toHaveLength(2);
  const url = (await paste(open)).trim().split('\n').at(-1) ?? '';
  const client = await attach(url);
  expect(await client.call('Browser.getVersion')).toHaveProperty('product');
  expect(await paste(end)).toMatch(/CDP clients can attach\.[^]*"?example"? deleted/);
  expect((await client.closed).code).toBe(1001);
});

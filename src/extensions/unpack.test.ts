import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildCrx3, buildZip, makeCrxKey, manifestOf } from '../../test/support/packed-extension.ts';
import { extensionIdOf } from './extension-id.ts';
import { inspectPackage } from './inspect.ts';
import { unpackPackage } from './unpack.ts';

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'porthole-unpack-'));
  folder = path.join(root, 'x');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const keyIn = async (): Promise<Buffer> => {
  const manifest = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as { key: string };
  return Buffer.from(manifest.key, 'base64');
};

it('an extension is unpacked with its files closed to writing and its folders not', async () => {
  await unpackPackage(
    buildZip([manifestOf(), { name: 'js/a.js', content: 'a', mode: 0o100_777 }, { name: 'e/' }]),
    folder,
  );
  expect((await readdir(folder)).toSorted()).toEqual(['e', 'js', 'manifest.json']);
  expect(await readFile(path.join(folder, 'js/a.js'), 'utf8')).toBe('a');
  const modes = await Promise.all(['', 'js', 'js/a.js', 'manifest.json'].map((name) => stat(path.join(folder, name))));
  expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '700', '400', '400']);
});

it.each([0, 8])('files of all sizes come out as they went in, packed by method %d', async (method) => {
  const contents = [0, 1, 70_000, 1_000_000].map((size) => Buffer.alloc(size, 'what is repeated packs well; '));
  const files = contents.map((content, index) => ({ name: `f${index}`, content, method }));
  await unpackPackage(buildZip([manifestOf(), ...files]), folder);
  const unpacked = await Promise.all(files.map(({ name }) => readFile(path.join(folder, name))));
  expect(unpacked.every((bytes, index) => contents[index]?.equals(bytes))).toBe(true);
});

it('what is loaded has the id that was told at the upload', async () => {
  const crxKey = makeCrxKey('ec');
  for (const bytes of [
    buildZip([manifestOf()]),
    buildCrx3(buildZip([manifestOf({ key: 'AAAA' })]), { keys: [crxKey] }),
  ]) {
    await unpackPackage(bytes, folder);
    expect(extensionIdOf(await keyIn())).toBe((await inspectPackage(bytes)).chromiumId);
    await rm(folder, { recursive: true });
  }
});

it("leaves out what Chromium's store has added", async () => {
  await unpackPackage(buildZip([manifestOf(), { name: '_metadata/verified_contents.json', content: '[]' }]), folder);
  expect(await readdir(folder)).toEqual(['manifest.json']);
});

it.each([
  ['leads out of it', { name: '../evil' }],
  ['is larger than it says', { name: 'b', content: 'x'.repeat(100), claims: { unpacked: 1 } }],
])('nothing is left of one with a file that %s', async (_, file) => {
  await expect(unpackPackage(buildZip([manifestOf(), { name: 'a' }, file]), folder)).rejects.toThrow();
  expect(await readdir(root)).toEqual([]);
});

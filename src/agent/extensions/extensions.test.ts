import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildZip, manifestOf, packFiles } from '../../../test/support/packed-extension.ts';
import { maxPackedExtensionBytes } from '../../api/agent/contract.ts';
import { ControlError, type Control } from '../chromium/control.ts';
import { loadExtensions } from './load.ts';
import { rehearseUnpacking } from './rehearse-unpacking.ts';
import { createShelf, type Shelf } from './shelf.ts';

let workDir: string;
let shelf: Shelf;
beforeEach(async () => {
  workDir = await mkdtemp(path.join(tmpdir(), 'porthole-shelf-'));
  shelf = createShelf(workDir);
});
afterEach(() => rm(workDir, { recursive: true, force: true }));

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const body = (...chunks: readonly Buffer[]): AsyncIterable<Buffer> => Readable.from(chunks);
const zip = buildZip([manifestOf(), { name: 'a.js', content: '1' }]);
const hash = sha256Of(zip);
const left = (): Promise<string[]> => readdir(path.join(workDir, 'extensions')).catch(() => []);

/** A browser that loads what is in `folders`, and refuses all else in Chromium's words. */
function browserWith(refusal?: string): { readonly control: Control; readonly loaded: string[] } {
  const loaded: string[] = [];
  const call: Control['call'] = (method, parameters) => {
    if (refusal !== undefined) return Promise.reject(new ControlError(refusal));
    loaded.push(`${method} ${(parameters as { path: string }).path}`);
    return Promise.resolve({ id: 'x' });
  };
  return { control: { call, listen: () => () => undefined, [Symbol.dispose]: () => undefined }, loaded };
}

it('what is brought is unpacked below the work folder, once, and loaded from there in the order asked for', async () => {
  const other = buildZip([manifestOf({ version: '2' })]);
  await Promise.all([shelf.receive(hash, body(zip)), shelf.receive(hash, body(zip.subarray(0, 5), zip.subarray(5)))]);
  await shelf.receive(sha256Of(other), body(other));
  expect(await readFile(path.join(workDir, 'extensions', hash, 'a.js'), 'utf8')).toBe('1');
  const { control, loaded } = browserWith();
  const wishes = [other, zip].map((bytes) => ({ name: 'x', sha256: sha256Of(bytes) }));
  await loadExtensions(control, shelf, wishes);
  expect(loaded).toEqual(wishes.map(({ sha256 }) => `Extensions.loadUnpacked ${workDir}/extensions/${sha256}`));
});

it('other bytes than those of the hash are refused', async () => {
  await expect(shelf.receive('a'.repeat(64), body(zip))).rejects.toMatchObject({ code: 'bad_request' });
  expect(await left()).toEqual([]);
});

it('more bytes than an extension may have are refused while they come', async () => {
  const mebibyte = Buffer.alloc(2 ** 20);
  function* endless(): Iterable<Buffer> {
    for (;;) yield mebibyte;
  }
  const tooMuch = Readable.from(endless());
  await expect(shelf.receive(hash, tooMuch)).rejects.toMatchObject({ code: 'bad_request' });
  expect(maxPackedExtensionBytes).toBe(50 * 2 ** 20);
});

it('what cannot be unpacked is refused in words, leaves nothing, and may be brought again', async () => {
  const bad = packFiles({ 'a.js': '' });
  for (let attempt = 0; attempt < 2; attempt += 1)
    await expect(shelf.receive(sha256Of(bad), body(bad))).rejects.toMatchObject({
      code: 'capability_failed',
      message: /manifest\.json/,
    });
  expect(await left()).toEqual([]);
  expect(shelf.folderOf(sha256Of(bad))).toBeUndefined();
});

it('one that was never brought, or that the browser refuses, fails by its name', async () => {
  const wish = [{ name: 'Mine', sha256: hash }];
  await expect(loadExtensions(browserWith().control, shelf, wish)).rejects.toMatchObject({
    code: 'capability_failed',
    message: /"Mine" was not brought/,
  });
  await shelf.receive(hash, body(zip));
  await expect(loadExtensions(browserWith('Nope.').control, shelf, wish)).rejects.toMatchObject({
    code: 'capability_failed',
    message: /refuses extension "Mine": Nope\./,
  });
});

it('all are loaded at once; of several that the browser refuses, the first that was asked for is named', async () => {
  const zips = ['1', '2', '3'].map((version) => buildZip([manifestOf({ version })]));
  await Promise.all(zips.map((bytes) => shelf.receive(sha256Of(bytes), body(bytes))));
  const answers: (() => void)[] = [];
  const call: Control['call'] = () =>
    new Promise((resolve, reject) => {
      // The first is taken, the others are not; the last is answered first, and none before all were asked for.
      answers.unshift(answers.length === 0 ? () => resolve({}) : () => reject(new ControlError('No.')));
      if (answers.length === zips.length) for (const answer of answers) answer();
    });
  const control: Control = { ...browserWith().control, call };
  const wishes = zips.map((bytes, index) => ({ name: `Number ${index}`, sha256: sha256Of(bytes) }));
  await expect(loadExtensions(control, shelf, wishes)).rejects.toMatchObject({ message: /"Number 1"/ });
});

it('a rehearsal unpacks an extension of its own, and leaves nothing', async () => {
  await rehearseUnpacking(workDir);
  expect(await readdir(workDir)).toEqual([]);
});

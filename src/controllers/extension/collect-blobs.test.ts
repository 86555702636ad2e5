import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createMemoryBlobs } from '../../../test/support/memory-blobs.ts';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { browserExtensions, type BrowserExtension } from '../../api/v1alpha1/browser-extension.ts';
import { apiVersion } from '../../api/v1alpha1/group.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { extensionBlobKey } from '../../core/extension/blob-key.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { youngMs } from './collect-blobs.ts';

const sha = (letter: string): string => letter.repeat(64);
const keyOf = (letter: string): string => extensionBlobKey(sha(letter));

let bench: Bench | undefined;
/** How long ago what is put now was put. */
let age = youngMs;
let blobs: BlobStore;
const start = (): Bench => (bench = new Bench({ blobs }));

beforeEach(() => {
  age = youngMs;
  blobs = createMemoryBlobs({ now: () => Date.now() - age });
});
afterEach(() => bench?.[Symbol.asyncDispose]());

const extension = (name: string, letter: string): NewObject<BrowserExtension> => ({
  apiVersion,
  kind: 'BrowserExtension',
  metadata: named(name),
  spec: { accountRef: { name: 'a' }, name, version: '1', sha256: sha(letter), size: 1 },
});
const kept = async (): Promise<string[]> => (await Array.fromAsync(blobs.list(''))).map(({ key }) => key).sort();
const keeps = (...keys: string[]): Promise<void> => vi.waitFor(async () => expect(await kept()).toEqual(keys), 5_000);
/** Long enough for whatever the operator would do wrongly. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));

it('bytes go with the last extension that names them', async () => {
  const { store } = start();
  for (const letter of ['a', 'b']) await blobs.put(keyOf(letter), Buffer.from(letter));
  await store.create(browserExtensions, extension('one', 'a'));
  await store.create(browserExtensions, extension('two', 'a'));
  await store.create(browserExtensions, extension('other', 'b'));
  await store.delete(browserExtensions, named('one'));
  await settle();
  expect(await kept()).toEqual([keyOf('a'), keyOf('b')]);
  await store.delete(browserExtensions, named('two'));
  await keeps(keyOf('b'));
});

it('bytes that were put lately stay, for somebody may be about to name them', async () => {
  const { store } = start();
  age = 0;
  await blobs.put(keyOf('a'), Buffer.from('a'));
  await store.create(browserExtensions, extension('one', 'a'));
  await settle();
  await store.delete(browserExtensions, named('one'));
  await settle();
  expect(await kept()).toEqual([keyOf('a')]);
});

it('bytes that nobody names are found when the operator starts, and nothing else is touched', async () => {
  for (const key of [keyOf('a'), 'extensions/notes', 'recordings/x']) await blobs.put(key, Buffer.from('x'));
  start();
  await keeps('extensions/notes', 'recordings/x');
});

it('an extension that comes to name other bytes lets go of those before', async () => {
  const { store } = start();
  for (const letter of ['a', 'b']) await blobs.put(keyOf(letter), Buffer.from(letter));
  await store.create(browserExtensions, extension('one', 'a'));
  await store.create(browserExtensions, extension('two', 'b'));
  await settle();
  await store.patch(browserExtensions, named('one'), { spec: { sha256: sha('b') } });
  await keeps(keyOf('b'));
});

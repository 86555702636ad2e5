import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { browserExtensions, type BrowserExtension } from '../../api/v1alpha1/browser-extension.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../api/v1alpha1/group.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import { extensionBlobKey } from '../../core/extension/blob-key.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { SandboxError } from '../../sandbox/port.ts';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  startFakeNode(bench.store, { signal: bench.stop.signal });
  await bench.account();
  await bench.pool({ warm: { min: 1, max: 1 } });
  await bench.warm(1);
});
afterEach(() => bench[Symbol.asyncDispose]());

async function upload(name: string, account = 'a'): Promise<string> {
  const sha256 = createHash('sha256').update(name).digest('hex');
  await bench.blobs.put(extensionBlobKey(sha256), Buffer.from(name));
  const spec = { accountRef: { name: account }, name: name.toUpperCase(), version: '1', sha256, size: name.length };
  const object: NewObject<BrowserExtension> = { apiVersion, kind: 'BrowserExtension', metadata: named(name), spec };
  await bench.store.create(browserExtensions, object);
  return sha256;
}
const conditionOf = ({ status }: BrowserSession, wanted: string): string | undefined =>
  status?.conditions?.find(({ type }) => type === wanted)?.message;

it('extensions are brought to a warm sandbox, each once, and the session says that they are loaded', async () => {
  const hashes = [await upload('one'), await upload('two')];
  await bench.session('s', { extensions: ['one', 'two', 'one'] });
  const session = await bench.phase('s', 'Ready');
  expect(session.status?.sandbox?.warm).toBe(true);
  expect([...bench.agents.brought.keys()].sort()).toEqual(hashes.toSorted());
  expect(bench.agents.brought.get(hashes[0] ?? '')?.toString()).toBe('one');
  expect(bench.agents.wishes.get(session.metadata.uid)?.extensions).toEqual([
    { name: 'ONE', sha256: hashes[0] },
    { name: 'TWO', sha256: hashes[1] },
  ]);
  expect(conditionOf(session, 'ExtensionsLoaded')).toContain('all 2');
});

it('a session without any says nothing of them', async () => {
  await bench.session('s');
  expect(conditionOf(await bench.phase('s', 'Ready'), 'ExtensionsLoaded')).toBeUndefined();
});

it('an extension that comes a moment after its session is waited for', async () => {
  await bench.session('s', { extensions: ['late'] });
  await upload('late');
  await bench.phase('s', 'Ready');
});

it.each([
  ['nobody has', () => Promise.resolve(''), /no extension x/],
  ['is of another account', () => upload('x', 'b'), /no extension x/],
  [
    'has lost its bytes',
    async () => {
      const sha256 = await upload('x');
      await bench.blobs.delete(extensionBlobKey(sha256));
    },
    /Extension x \("X"\) has no bytes/,
  ],
  [
    'cannot be read, as the blob store does not answer',
    async () => {
      await upload('x');
      bench.blobs.get = () => Promise.reject(new BlobError('Unavailable', 'no answer'));
    },
    /Extension x \("X"\) cannot be read: no answer/,
  ],
  [
    'the browser refuses',
    async () => {
      await upload('x');
      bench.agents.failures.push(new SandboxError('capability', 'The browser refuses extension "X": no.'));
    },
    /refuses extension "X"/,
  ],
])(
  'a session with an extension that %s ends, and says so',
  async (_, arrange, why) => {
    await arrange();
    await bench.session('s', { extensions: ['x'] });
    const session = await bench.phase('s', 'Ended');
    expect(session.status?.endReason).toBe('CapabilityUnavailable');
    expect(conditionOf(session, 'Ended')).toMatch(why);
  },
  30_000,
);

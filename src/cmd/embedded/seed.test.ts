import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { browserAccounts } from '../../api/v1alpha1/browser-account.ts';
import { browserPools } from '../../api/v1alpha1/browser-pool.ts';
import { createMemoryStore, type MemoryStore } from '../../kube/memory/memory-store.ts';
import { systemClock } from '../../lib/clock.ts';
import { parseConfig, type EmbeddedConfig } from '../config/parse-config.ts';
import { applyManifests, namespace, seedDefaults } from './seed.ts';

const named = (name: string): { name: string; namespace: string } => ({ name, namespace });
const apiVersion = 'porthole.dev/v1alpha1';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function configOf(env: Readonly<Record<string, string>> = {}): EmbeddedConfig {
  const parsed = parseConfig([], { PORTHOLE_DATA_DIR: '/nowhere', ...env });
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.config;
}

let store: MemoryStore;
let folder: string;
beforeEach(async () => {
  store = createMemoryStore({ clock: systemClock });
  folder = await mkdtemp(path.join(tmpdir(), 'porthole-seed-'));
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('seedDefaults', () => {
  it('makes the account with the key and the pool that the settings describe', async () => {
    await seedDefaults(store, configOf({ PORTHOLE_WARM_MIN: '1', PORTHOLE_WARM_MAX: '3' }), 'key');
    const account = await store.get(browserAccounts, named('default'));
    const pool = await store.get(browserPools, named('default'));
    expect(account?.spec.apiKeyHashes).toEqual([sha256('key')]);
    expect(pool?.spec).toMatchObject({ warm: { min: 1, max: 3 }, template: { runtimeClassName: '' } });
  });

  it('lets settings win over what was kept, and leaves the rest of it', async () => {
    await seedDefaults(store, configOf(), 'old');
    await store.patch(browserAccounts, named('default'), { spec: { idlePolicy: 'messages' } });
    await seedDefaults(store, configOf({ PORTHOLE_MAX_CONCURRENT_SESSIONS: '3' }), 'new');
    const account = await store.get(browserAccounts, named('default'));
    expect(account?.spec).toMatchObject({
      idlePolicy: 'messages',
      maxConcurrentSessions: 3,
      apiKeyHashes: [sha256('new')],
    });
  });

  it('writes nothing when nothing has changed', async () => {
    await seedDefaults(store, configOf(), 'key');
    const before = await store.list(browserPools);
    await seedDefaults(store, configOf(), 'key');
    expect((await store.list(browserPools)).resourceVersion).toBe(before.resourceVersion);
  });
});

describe('applyManifests', () => {
  const write = (file: string, content: unknown): Promise<void> =>
    writeFile(path.join(folder, file), typeof content === 'string' ? content : JSON.stringify(content));
  const account = (name: string, spec: object = {}): object => ({
    apiVersion,
    kind: 'BrowserAccount',
    metadata: { name },
    spec,
  });

  it('applies what is there, in order of file name, into its own namespace', async () => {
    await write('2.json', account('a', { maxConcurrentSessions: 2 }));
    await write('1.json', { ...account('a', { maxConcurrentSessions: 1 }), metadata: { name: 'a', namespace: 'x' } });
    await write('notes.txt', 'not a manifest');
    await applyManifests(store, folder);
    expect((await store.get(browserAccounts, named('a')))?.spec.maxConcurrentSessions).toBe(2);
  });

  it('takes a folder that does not exist for an empty one, and only that', async () => {
    await applyManifests(store, path.join(folder, 'none'));
    await write('file', '');
    await expect(applyManifests(store, path.join(folder, 'file'))).rejects.toThrow(/ENOTDIR/);
  });

  it('applies an object as a server gives it out, at every start', async () => {
    const exported = {
      ...account('a', { maxConcurrentSessions: 4 }),
      metadata: {
        name: 'a',
        labels: { team: 'x' },
        uid: '0f5a0f2e-0000-4000-8000-000000000000',
        resourceVersion: '123',
        generation: 7,
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      status: { activeSessions: 9 },
    };
    await write('a.json', exported);
    await applyManifests(store, folder);
    await applyManifests(store, folder);
    const kept = await store.get(browserAccounts, named('a'));
    expect(kept).toMatchObject({ spec: { maxConcurrentSessions: 4 }, metadata: { labels: { team: 'x' } } });
    expect(kept?.status).toEqual({ observedGeneration: -1 });
  });

  it.each<readonly [string, unknown, RegExp]>([
    ['no JSON', '{', /JSON/],
    ['an empty file', '', /JSON/],
    ['null', 'null', /must be an object/],
    ['a list', [account('a')], /must be an object/],
    ['no kind', {}, /kind must be one of BrowserAccount, BrowserPool/],
    ['a session, which no start can serve', { ...account('a'), kind: 'BrowserSession' }, /kind must be one of/],
    ['another version', { ...account('a'), apiVersion: 'porthole.dev/v2' }, /porthole\.dev\/v1alpha1/],
    ['no name', { ...account('a'), metadata: {} }, /metadata\.name/],
    ['no metadata', { ...account('a'), metadata: null }, /metadata\.name/],
    ['a name that is a number', { ...account('a'), metadata: { name: 5 } }, /metadata\.name/],
    ['a name that is none', account('Not A Name'), /metadata\.name: must be a lower-case RFC 1123 subdomain/],
    ['an unknown field', account('a', { quota: 1 }), /spec\.quota: unknown field/],
    ['a value out of bounds', account('a', { maxConcurrentSessions: -1 }), /spec\.maxConcurrentSessions/],
    ['labels that are none', { ...account('a'), metadata: { name: 'a', labels: 'x' } }, /metadata\.labels/],
  ])('refuses %s, and says which file and why', async (_name, content, why) => {
    await write('bad.json', content);
    const refused = applyManifests(store, folder);
    await expect(refused).rejects.toThrow(
      /^The manifest .*bad\.json cannot be applied: .*\. Mend it or take it away\.$/,
    );
    await expect(refused).rejects.toThrow(why);
    expect((await store.list(browserAccounts)).items).toEqual([]);
  });

  it('refuses a folder that is called like a manifest', async () => {
    await mkdir(path.join(folder, 'dir.json'));
    await expect(applyManifests(store, folder)).rejects.toThrow(/dir\.json cannot be applied/);
  });
});

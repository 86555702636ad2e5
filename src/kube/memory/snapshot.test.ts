import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/logger.ts';
import type { StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { configMaps, pods, secrets } from '../builtins.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

interface Widget extends StoredObject {
  readonly spec: { readonly size: number };
}

/** Refuses negative sizes; a widget without a size is of size 1. */
const widgets: Resource<Widget> = {
  ...{ apiVersion: 'example.com/v1', kind: 'Widget', plural: 'widgets', hasStatus: true },
  admit: (next) => {
    const widget = next as { spec?: { size?: number } };
    const size = widget.spec?.size ?? 1;
    if (size < 0) return { ok: false, problems: [{ field: 'spec.size', message: 'must not be negative' }] };
    return { ok: true, value: { ...widget, spec: { size } } };
  },
};

const widget = (name: string) => ({
  ...{ apiVersion: 'example.com/v1', kind: 'Widget' },
  metadata: { name, namespace: 'test' },
  spec: { size: 3 },
});
const key = (name: string) => ({ name, namespace: 'test' });

describe('the snapshot of a memory store', () => {
  let folder: string;
  let file: string;
  let clock: SteppedClock;
  let logged: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'porthole-snapshot-'));
    file = join(folder, 'objects.json');
    clock = createSteppedClock();
    logged = [];
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = (): MemoryStore => {
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        logged.push(chunk.toString());
        done();
      },
    });
    const logger = createLogger({ name: 'test', level: 'info', destination });
    const snapshot = { file, plurals: ['widgets', 'configmaps'], logger };
    return createMemoryStore({ clock, resources: [widgets, configMaps, secrets, pods], snapshot });
  };
  const isWritten = async (): Promise<void> => {
    await expect.poll(() => readFile(file, 'utf8').catch(() => ''), { timeout: 5_000 }).toContain('"format":1');
  };

  it('brings the chosen kinds back as they were, with versions that go on', async () => {
    const first = open();
    await first.create(widgets, widget('a'));
    const a = await first.patchStatus(widgets, key('a'), { ready: true });
    await first.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: key('not-kept') });
    await first[Symbol.asyncDispose]();

    await using second = open();
    expect(await second.get(widgets, key('a'))).toEqual(a);
    expect((await second.list(secrets)).items).toEqual([]);
    const b = await second.create(widgets, widget('b'));
    expect(Number(b.metadata.resourceVersion)).toBeGreaterThan(Number(a.metadata.resourceVersion));
    expect((await second.patch(widgets, key('a'), { spec: { size: 9 } })).metadata.generation).toBe(2);
  });

  it('expires watches from before the restart', async () => {
    const first = open();
    const { resourceVersion } = await first.list(widgets);
    await first.create(widgets, widget('a'));
    await first[Symbol.asyncDispose]();
    await using second = open();
    const watch = second.watch(widgets, { resourceVersion, signal: AbortSignal.timeout(5_000) });
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'Expired' });
  });

  it('is written a moment after a change, readable by its owner only, and leaves nothing else behind', async () => {
    await using store = open();
    await store.create(widgets, widget('a'));
    await clock.step(99);
    await expect(stat(file)).rejects.toThrow('ENOENT');
    await clock.step(1);
    await isWritten();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['objects.json']);
  });

  it('is not written for kinds that it does not keep', async () => {
    const store = open();
    await store.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: key('a') });
    await clock.step(1_000);
    await store[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  it('replaces what a killed process has left half done', async () => {
    await writeFile(`${file}.tmp`, '{"format":1,"obj', { mode: 0o644 });
    const store = open();
    await store.create(widgets, widget('a'));
    await store[Symbol.asyncDispose]();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['objects.json']);
  });

  it('collects what comes back without its owner', async () => {
    const first = open();
    const owner = await first.create(pods, {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: key('owner') },
      spec: { containers: [] },
    });
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'owner', uid: owner.metadata.uid }];
    await first.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...key('owned'), ownerReferences },
    });
    await first[Symbol.asyncDispose]();
    await using second = open();
    await expect.poll(() => second.get(configMaps, key('owned'))).toBeUndefined();
  });

  it('gives an object the defaults of a schema that has grown', async () => {
    const { spec: _old, ...bare } = widget('a');
    const metadata = { ...bare.metadata, uid: 'u', resourceVersion: '4', creationTimestamp: '2026-01-01T00:00:00Z' };
    await writeFile(file, JSON.stringify({ format: 1, resourceVersion: 7, objects: [{ ...bare, metadata }] }));
    await using store = open();
    expect((await store.get(widgets, key('a')))?.spec).toEqual({ size: 1 });
  });

  it.each([
    ['is cut off', '{"format":1,"objects":[', /JSON/],
    ['is no object', '[]', /no JSON object/],
    ['is of another format', '{"format":2}', /format is 2, known is 1/],
    ['has no objects', '{"format":1,"resourceVersion":3}', /objects is missing/],
    [
      'holds an unknown kind',
      '{"format":1,"resourceVersion":3,"objects":[{"apiVersion":"v1","kind":"Gadget"}]}',
      /v1 Gadget, a kind that is not known/,
    ],
    [
      'holds an object that is not valid any more',
      JSON.stringify({ format: 1, resourceVersion: 3, objects: [{ ...widget('bad'), spec: { size: -1 } }] }),
      /Widget test\/bad is not valid: spec.size must not be negative/,
    ],
  ])('that %s is refused with its name, why, and what to do', async (_, text, why) => {
    await writeFile(file, text);
    expect(open).toThrow(why);
    expect(open).toThrow(`cannot use the snapshot ${file}`);
    expect(open).toThrow('move it away');
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('is tried again when it could not be written, and the failure is logged', async () => {
    const store = open();
    await rm(folder, { recursive: true });
    await store.create(widgets, widget('a'));
    await clock.step(100);
    await expect.poll(() => logged.join('')).toContain('the snapshot could not be written');
    await mkdir(folder);
    await clock.step(5_000);
    await isWritten();
    await store[Symbol.asyncDispose]();
  });

  it('must be of kinds that the store was given', () => {
    const logger = createLogger({ name: 'test', level: 'silent' });
    const snapshot = { file, plurals: ['gadgets'], logger };
    expect(() => createMemoryStore({ clock, resources: [widgets], snapshot })).toThrow('snapshot of gadgets');
  });
});

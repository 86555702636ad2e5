import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Volume } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import { configMaps, secrets } from '../kube/builtins.ts';
import { createMemoryStore } from '../kube/memory/memory-store.ts';
import { systemClock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import { makeVolumes } from './volumes.ts';

async function make(...volumes: Volume[]) {
  const dir = mkdtempSync(join(tmpdir(), 'localnode-'));
  const store = createMemoryStore({ clock: systemClock });
  const metadata = { name: 'x', namespace: 'ns' };
  const data = { a: Buffer.from('one').toString('base64'), b: Buffer.from([0, 255]).toString('base64') };
  await store.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data });
  await store.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { c: 'three' } });
  const pod = { metadata, spec: { volumes, containers: [] } } as unknown as Pod;
  try {
    const dirs = await makeVolumes(pod, { store, dir, identity: undefined });
    const read = (volume: string, path: string): Buffer => readFileSync(join(dirs[volume] ?? '', path));
    const modeOf = (volume: string, path = ''): number => statSync(join(dirs[volume] ?? '', path)).mode & 0o777;
    return { dirs, read, modeOf, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
  } catch (error) {
    rmSync(dir, { recursive: true });
    throw error;
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

test('each volume is a folder for its owner only, with the files it should have', async () => {
  using made = await make(
    { name: 'empty', emptyDir: {} },
    { name: 'whole', secret: { secretName: 'x', defaultMode: 0o400 } },
    { name: 'some', configMap: { name: 'x', items: [{ key: 'c', path: 'd/e/f' }] } },
  );
  expect(['empty', 'whole', 'some'].map((name) => made.modeOf(name))).toEqual([0o700, 0o700, 0o700]);
  expect(made.read('whole', 'a').toString()).toBe('one');
  expect([...made.read('whole', 'b')]).toEqual([0, 255]);
  expect(made.modeOf('whole', 'a')).toBe(0o400);
  expect(made.read('some', 'd/e/f').toString()).toBe('three');
});

test('what is optional may be missing', async () => {
  using made = await make({ name: 'v', secret: { secretName: 'none', optional: true } });
  expect(made.modeOf('v')).toBe(0o700);
});

test('a projected volume has the files of all its sources, but no token', async () => {
  using made = await make({
    name: 'kube-api-access',
    projected: {
      defaultMode: 0o440,
      sources: [
        { serviceAccountToken: { path: 'token' } },
        { configMap: { name: 'x', items: [{ key: 'c', path: 'ca.crt' }] } },
        { secret: { name: 'x', items: [{ key: 'a', path: 'hidden' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  });
  const files = ['ca.crt', 'hidden', 'namespace'];
  expect(readdirSync(made.dirs['kube-api-access'] ?? '').sort()).toEqual(files);
  expect(files.map((file) => made.read('kube-api-access', file).toString())).toEqual(['three', 'one', 'ns']);
  expect(files.map((file) => made.modeOf('kube-api-access', file))).toEqual([0o440, 0o440, 0o440]);
});

test.each<[string, Volume]>([
  ['Secret none not found', { name: 'v', secret: { secretName: 'none' } }],
  ['ConfigMap none not found', { name: 'v', configMap: { name: 'none' } }],
  ['Secret x has no key z', { name: 'v', secret: { secretName: 'x', items: [{ key: 'z', path: 'z' }] } }],
  [
    'Secret x: path ../up leaves the volume',
    { name: 'v', secret: { secretName: 'x', items: [{ key: 'a', path: '../up' }] } },
  ],
  [
    'Secret x: path /etc/x leaves the volume',
    { name: 'v', secret: { secretName: 'x', items: [{ key: 'a', path: '/etc/x' }] } },
  ],
  [
    'volume v: a local node has emptyDir, secret, configMap, downwardAPI and projected volumes only',
    { name: 'v', hostPath: { path: '/' } },
  ],
])('%s', async (message, volume) => {
  await expect(make(volume)).rejects.toThrow(message);
});

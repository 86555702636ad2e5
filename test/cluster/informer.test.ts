import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { configMaps } from '../../src/kube/builtins.ts';
import { createApiServerStore, type ApiServerStore } from '../../src/kube/apiserver/api-server-store.ts';
import { loadKubeAccess } from '../../src/kube/apiserver/access.ts';
import { createInformer } from '../../src/kube/controller/informer.ts';
import type { Informer } from '../../src/kube/controller/port.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ConfigMap } from '../../src/lib/kubernetes.ts';
import type { NewObject } from '../../src/lib/object-meta.ts';
import { startTestControlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { silentLogger } from '../support/fakes.ts';
import { patience } from '../support/patience.ts';

let plane: TestControlPlane;
let store: ApiServerStore;
const stop = new AbortController();
beforeAll(async () => {
  plane = await startTestControlPlane();
  const access = loadKubeAccess({ kubeconfig: plane.kubeconfig });
  store = createApiServerStore({ access, fieldManager: 'tester', clock: systemClock, logger: silentLogger });
});
afterAll(async () => {
  stop.abort();
  await store[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

const key = (name: string) => ({ name, namespace: 'default' });
const map = (name: string, mark: string): NewObject<ConfigMap> => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...key(name), labels: { mark } } },
});
const inform = (mark: string): Informer<ConfigMap> => {
  const options = { namespace: 'default', labels: { mark }, clock: systemClock, logger: silentLogger };
  return createInformer(store, configMaps, { ...options, signal: stop.signal });
};
const namesOf = (informer: Informer<ConfigMap>): string[] =>
  informer
    .list()
    .map(({ metadata }) => metadata.name)
    .sort();

test('an informer sees what changed while the API server was killed and started again', async () => {
  const informer = inform('killed');
  await informer.synced;
  await store.create(configMaps, map('killed-a', 'killed'));
  await store.create(configMaps, map('killed-b', 'killed'));
  await vi.waitFor(() => expect(namesOf(informer)).toEqual(['killed-a', 'killed-b']), patience);
  await plane.process('kube-apiserver').kill();
  plane.process('kube-apiserver').start();
  await plane.ready();
  await store.create(configMaps, map('killed-c', 'killed'));
  await store.delete(configMaps, key('killed-a'));
  await vi.waitFor(() => expect(namesOf(informer)).toEqual(['killed-b', 'killed-c']), patience);
});

test('an informer lists more objects than a page holds, each once', async () => {
  const count = 1_100;
  const next = Array.from({ length: count }, (_, i) => `many-${i}`).values();
  const work = async (): Promise<void> => {
    for (const name of next) await store.create(configMaps, map(name, 'many'));
  };
  await Promise.all(Array.from({ length: 20 }, work));
  const informer = inform('many');
  await informer.synced;
  expect(new Set(namesOf(informer)).size).toBe(count);
  await store.delete(configMaps, key('many-7'));
  await vi.waitFor(() => expect(informer.get(key('many-7'))).toBeUndefined(), patience);
});

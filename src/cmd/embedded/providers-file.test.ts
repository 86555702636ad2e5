import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { proxyProviders } from '../../api/v1alpha1/proxy-provider.ts';
import { secrets } from '../../kube/builtins.ts';
import { createMemoryStore, type MemoryStore } from '../../kube/memory/memory-store.ts';
import { systemClock } from '../../lib/clock.ts';
import { applyProviders } from './providers-file.ts';

let folder: string;
let store: MemoryStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'porthole-providers-'));
  store = createMemoryStore({ clock: systemClock });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function apply(text: string): Promise<void> {
  const file = join(folder, 'providers');
  await writeFile(file, text);
  await applyProviders(store, 'n', file);
}

const provider = `
apiVersion: porthole.dev/v1alpha1
kind: ProxyProvider
metadata: { name: acme }
spec:
  locations:
    de: 'http://{username}-{session}:{password}@de.example.com:3128'
  credentialsSecretRef: { name: acme }
`;
const secret = `
apiVersion: v1
kind: Secret
metadata: { name: acme }
stringData: { username: me, password: hunter2 }
`;

it('has the providers of a YAML file and the Secrets that they name, and again after an edit', async () => {
  await apply(`${provider}---${secret}---\n`);
  await apply(`${provider.replace('de.example', 'b.example')}---${secret}`);
  const kept = await store.get(proxyProviders, { namespace: 'n', name: 'acme' });
  expect(kept?.spec).toMatchObject({
    allowInternal: false,
    locations: { de: expect.stringContaining('@b.example') as string },
  });
  const { data } = (await store.get(secrets, { namespace: 'n', name: 'acme' })) ?? {};
  expect(data).toEqual({ username: btoa('me'), password: btoa('hunter2') });
});

it('takes JSON, and lists', async () => {
  const spec = { locations: { de: 'http://p.example.com:1' } };
  const items = [{ apiVersion: 'porthole.dev/v1alpha1', kind: 'ProxyProvider', metadata: { name: 'x' }, spec }];
  await apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  expect((await store.get(proxyProviders, { namespace: 'n', name: 'x' }))?.spec.locations).toEqual(spec.locations);
});

it.each([
  [`${secret}\n  hunter2: [`, /cannot be applied/],
  [`${secret}---\nkind: Pod`, /kind/],
  [provider.replace('locations:', 'places:'), /spec\.locations|spec\.places/],
])('refuses %# and does not show a password', async (text, why) => {
  const error: unknown = await apply(text).catch((thrown: unknown) => thrown);
  expect(String(error)).toMatch(why);
  expect(String(error)).not.toContain('hunter2');
});

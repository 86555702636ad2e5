import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { BrowserExtension } from '../../src/api/v1alpha1/browser-extension.ts';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import { attach } from '../support/cdp-client.ts';
import { startClusterWorld, type ClusterWorld } from '../support/cluster-world.ts';
import { conditionOf, createKubectl, sessionManifest, type Kubectl } from '../support/kubectl.ts';
import { buildZip, manifestOf } from '../support/packed-extension.ts';
import { patience } from '../support/patience.ts';

interface Uploaded {
  readonly id: string;
  readonly sha256: string;
  readonly size: number;
  readonly chromiumId: string;
}

let world: ClusterWorld;
let kubectl: Kubectl;
let uploaded: Uploaded;

const zip = buildZip([
  manifestOf({ name: 'From the cluster', background: { service_worker: 'sw.js' } }),
  { name: 'sw.js', content: 'self.here = true;' },
]);

beforeAll(async () => {
  world = await startClusterWorld({ warm: { min: 1, max: 2 }, maxSandboxes: 4 });
  kubectl = createKubectl(world);
  const answer = await world.api.call('POST', '/browser/extensions', { file: zip.toString('base64') });
  expect(answer.status).toBe(201);
  uploaded = answer.json() as Uploaded;
});
afterAll(() => world[Symbol.asyncDispose]());

const extension = (name: string, sha256: string): object => ({
  apiVersion,
  kind: 'BrowserExtension',
  metadata: { name },
  spec: { accountRef: { name: 'default' }, name: 'By kubectl', version: '1.0', sha256, size: uploaded.size },
});
const says = (name: string, condition: string): Promise<void> =>
  vi.waitFor(async () => {
    const found = await kubectl.find<BrowserExtension>(`browserextension/${name}`);
    const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready');
    expect(`${ready?.status ?? ''} ${ready?.reason ?? ''}`).toBe(condition);
  }, patience);

it('an extension that was uploaded is an object that kubectl shows', async () => {
  const found = await kubectl.find<BrowserExtension>(`browserextension/${uploaded.id}`);
  expect(found?.spec).toMatchObject({ name: 'From the cluster', sha256: uploaded.sha256, manifestVersion: 3 });
  await says(uploaded.id, 'True Accepted');
});

it('an applied extension is Ready when its bytes are there, and says so when they are not', async () => {
  await kubectl.apply([extension('applied', uploaded.sha256), extension('lost', 'a'.repeat(64))]);
  await says('applied', 'True Accepted');
  await says('lost', 'False BlobMissing');
  const listed = (await world.api.call('GET', '/browser/extensions')).json() as { extensions: { id: string }[] };
  expect(listed.extensions.map(({ id }) => id).toSorted()).toEqual([uploaded.id, 'applied', 'lost'].toSorted());
});

it('an applied session has its extensions, from a sandbox that was warm', async () => {
  await kubectl('wait', 'browserpool/default', '--for=condition=Ready', '--timeout=60s');
  await kubectl.apply([extension('both', uploaded.sha256), sessionManifest('with', { extensions: ['both'] })]);
  const session = await kubectl.ready('with');
  expect(conditionOf(session, 'ExtensionsLoaded')).toBe('ExtensionsLoaded=True (Loaded)');
  const uri = await kubectl('get', 'secret', 'with-binding', '--output=go-template={{.data.uri | base64decode}}');
  await using client = await attach(uri);
  const { targetInfos } = await client.call<{ targetInfos: { url: string }[] }>('Target.getTargets', {
    filter: [{ type: 'service_worker' }],
  });
  expect(targetInfos.map(({ url }) => url)).toContain(`chrome-extension://${uploaded.chromiumId}/sw.js`);
  expect(session.status?.sandbox?.warm).toBe(true);
  await kubectl.end('with');
});

it.each([
  ['nobody has', 'no-such-extension', /no-such-extension/],
  ['has no bytes', 'lost', /By kubectl.*no bytes/],
])('a session with an extension that %s ends, and says which', async (_, name, why) => {
  await kubectl.apply(sessionManifest(`with-${name}`, { extensions: [name] }));
  const session = await kubectl.ended(`with-${name}`);
  expect(session.status?.endReason).toBe('CapabilityUnavailable');
  expect(session.status?.conditions?.find(({ type }) => type === 'Ended')?.message).toMatch(why);
});

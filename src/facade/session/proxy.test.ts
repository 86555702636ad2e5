import { afterEach, beforeEach, expect, it } from 'vitest';
import { startFacadeWorld, type FacadeWorld } from '../../../test/support/facade-world.ts';
import { through } from '../../../test/support/operator-bench.ts';
import { secrets } from '../../kube/builtins.ts';
import { createMemoryStore } from '../../kube/memory/memory-store.ts';
import { StoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import { systemClock } from '../../lib/clock.ts';

const proxyUrl = 'http://user:hunter2@proxy.example.com:3128';
let world: FacadeWorld;
let isFailing = false;

/** A store that may fail to make a Secret. */
function createStore(): Store {
  const store = createMemoryStore({ clock: systemClock });
  const create: Store['create'] = (resource, object) =>
    isFailing && resource.kind === 'Secret'
      ? Promise.reject(new StoreError('Unavailable', 'no Secrets today'))
      : store.create(resource, object);
  return through(store, { create });
}

beforeEach(async () => {
  isFailing = false;
  world = await startFacadeWorld({ store: createStore() });
});
afterEach(() => world[Symbol.asyncDispose]());

it('a URL with a password costs one Secret, which the session owns, and a session without one costs none', async () => {
  await world.api.create();
  expect((await world.store.list(secrets)).items).toEqual([]);
  const { id } = await world.api.create({ proxyUrl });
  const session = (await world.sessions()).find(({ metadata }) => metadata.uid === id);
  const [secret, ...others] = (await world.store.list(secrets)).items;
  expect(others).toEqual([]);
  expect(session?.spec.proxyUrlSecretRef).toEqual({ name: secret?.metadata.name, key: 'proxyUrl' });
  expect(secret?.metadata.ownerReferences).toMatchObject([{ kind: 'BrowserSession', uid: id }]);
  expect(secret?.data).toEqual({ proxyUrl: btoa(proxyUrl) });
  expect(JSON.stringify(session)).not.toContain('hunter2');
  expect(JSON.stringify(world.log)).not.toContain('hunter2');
});

it('what is remembered of a request with a key has no password, and the answer has it each time', async () => {
  const key = { headers: { 'idempotency-key': 'k' } };
  const post = () => world.api.call('POST', '/api/v1/browser/sessions', { proxyUrl }, key);
  const answers = [await post(), await post()].map((answer) => answer.json() as { id: string; proxyUrl: string });
  expect(answers.map((answer) => answer.proxyUrl)).toEqual([proxyUrl, proxyUrl]);
  expect(answers[0]?.id).toBe(answers[1]?.id);
  expect(JSON.stringify(await world.records())).toContain('user:***@');
  expect(JSON.stringify(await world.records())).not.toContain('hunter2');
});

it('nothing is left of a session whose Secret could not be made', async () => {
  isFailing = true;
  const answer = await world.api.call('POST', '/api/v1/browser/sessions', { proxyUrl });
  expect(answer.status).toBeGreaterThanOrEqual(500);
  expect(answer.text).not.toContain('hunter2');
  expect(await world.sessions()).toEqual([]);
});

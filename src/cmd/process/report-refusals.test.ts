import { beforeEach, expect, it } from 'vitest';
import { browserSessions } from '../../api/v1alpha1/browser-session.ts';
import { pods } from '../../kube/builtins.ts';
import { createMemoryStore } from '../../kube/memory/memory-store.ts';
import { StoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/logger.ts';
import type { ProcessFailure } from '../exit-codes.ts';
import { refusalPatienceMs, reportRefusals } from './report-refusals.ts';

let clock: SteppedClock;
let refusal: StoreError | undefined;
let failures: ProcessFailure[];
let log: string[];
let store: Store;

beforeEach(() => {
  clock = createSteppedClock();
  refusal = undefined;
  failures = [];
  log = [];
  const memory = createMemoryStore({ clock });
  const refusing: Store = {
    ...bound(memory),
    list: (resource, options) => (refusal ? Promise.reject(refusal) : memory.list(resource, options)),
  };
  const destination = { write: (line: string) => void log.push((JSON.parse(line) as { msg: string }).msg) };
  const logger = createLogger({ name: 'test', level: 'info', destination });
  store = reportRefusals(refusing, {
    role: 'facade',
    clock,
    logger,
    onFailure: (failure) => void failures.push(failure),
  });
});

function bound(memory: Store): Store {
  return {
    get: (...args) => memory.get(...args),
    list: (...args) => memory.list(...args),
    create: (...args) => memory.create(...args),
    update: (...args) => memory.update(...args),
    patch: (...args) => memory.patch(...args),
    patchStatus: (...args) => memory.patchStatus(...args),
    apply: (...args) => memory.apply(...args),
    delete: (...args) => memory.delete(...args),
    watch: (...args) => memory.watch(...args),
  };
}

const list = (resource: typeof browserSessions | typeof pods = browserSessions): Promise<unknown> =>
  store.list(resource as typeof browserSessions).catch((error: unknown) => error);

it('lets every answer and every error through', async () => {
  expect(await list()).toMatchObject({ items: [] });
  refusal = new StoreError('Forbidden', 'no');
  expect(await list()).toBe(refusal);
});

it.each([
  ['Forbidden', 'forbidden', 'The Role porthole-facade'],
  ['NotFound', 'notInstalled', 'kubectl apply --server-side -f crds/'],
] as const)('%s that lasts ends the process, and says what is missing', async (reason, code, advice) => {
  refusal = new StoreError(reason, 'what the server says');
  await list();
  await clock.step(refusalPatienceMs - 1);
  await list();
  expect(failures).toEqual([]);
  expect(log).toHaveLength(1);
  await clock.step(1);
  await list();
  expect(failures).toMatchObject([{ code }]);
  for (const text of [advice, 'what the server says']) expect(failures[0]?.message).toContain(text);
});

it('forgets a refusal that was withdrawn, and tells one kind from another', async () => {
  refusal = new StoreError('Forbidden', 'no');
  await list();
  refusal = undefined;
  await list();
  await clock.step(refusalPatienceMs);
  refusal = new StoreError('Forbidden', 'no');
  await list();
  await list(pods);
  expect(failures).toEqual([]);
});

it('waits for an API server that is away, for as long as it takes, and says so now and then', async () => {
  refusal = new StoreError('Unavailable', 'connect ECONNREFUSED');
  for (let i = 0; i < 30; i += 1) {
    await list();
    await clock.step(1_000);
  }
  expect(failures).toEqual([]);
  expect(log).toEqual(Array(3).fill('The API server does not answer (connect ECONNREFUSED): trying again.'));
});

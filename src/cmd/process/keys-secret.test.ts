import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../test/support/fakes.ts';
import { secrets } from '../../kube/builtins.ts';
import { createMemoryStore } from '../../kube/memory/memory-store.ts';
import { StoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { openTicket, importPublicKey, publicKeyTextOf, signTicket } from '../../lib/ticket.ts';
import { awaitKeys, ensureKeys, keysSecretName, type KeysOptions } from './keys-secret.ts';

const namespace = 'porthole-system';
const key = { namespace, name: keysSecretName };
let clock: SteppedClock;
let store: Store;
let options: KeysOptions;

beforeEach(() => {
  clock = createSteppedClock();
  store = createMemoryStore({ clock });
  options = { store, namespace, clock, logger: silentLogger, signal: new AbortController().signal };
});

describe('the keys', () => {
  it('are made once, and read the same by all', async () => {
    const making = Promise.all([ensureKeys(options), ensureKeys(options)]);
    // Whoever was not the first to make them looks again.
    await clock.step(1_000);
    const made = await making;
    const read = await awaitKeys(options);
    for (const keys of made) expect(keys.tokenKey).toEqual(read.tokenKey);
    expect(read.tokenKey).toHaveLength(32);
    const publicKey = importPublicKey(publicKeyTextOf(made[0].ticketKey));
    expect(openTicket(publicKey, signTicket(read.ticketKey, { a: 1 }))).toEqual({ a: 1 });
    expect(await store.get(secrets, key)).toMatchObject({ type: 'Opaque', immutable: true });
  });

  it('are waited for by those who only read them', async () => {
    let had = false;
    const waiting = awaitKeys(options).then((keys) => {
      had = true;
      return keys;
    });
    await clock.step(30_000);
    expect(had).toBe(false);
    const made = await ensureKeys(options);
    await clock.step(1_000);
    expect((await waiting).tokenKey).toEqual(made.tokenKey);
  });

  it('are waited for until told to stop', async () => {
    const stop = new AbortController();
    const waiting = awaitKeys({ ...options, signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('are asked for again when the API server does not answer', async () => {
    let away = 3;
    const get: Store['get'] = (...args) =>
      away-- > 0 ? Promise.reject(new StoreError('Unavailable', 'away')) : store.get(...args);
    const made = ensureKeys({ ...options, store: { get, create: (...args) => store.create(...args) } });
    await clock.step(3_000);
    expect((await made).tokenKey).toHaveLength(32);
  });

  it.each([[{ 'token.key': 'c2hvcnQ=', 'ticket.key': '' }], [{}]])(
    'that are none (%j) are refused with the name of the Secret',
    async (data) => {
      await store.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: key, data });
      await expect(awaitKeys(options)).rejects.toMatchObject({
        code: 'badKeys',
        message: expect.stringContaining('porthole-system/porthole-keys') as string,
      });
    },
  );
});

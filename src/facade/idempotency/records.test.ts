import { beforeEach, describe, expect, test } from 'vitest';
import { configMaps } from '../../kube/builtins.ts';
import { createMemoryStore } from '../../kube/memory/memory-store.ts';
import type { Store } from '../../kube/store.ts';
import { createSteppedClock, systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/logger.ts';
import type { SessionFacts } from '../session/view.ts';
import { createRequestRecords } from './records.ts';
import { startSweeper } from './sweeper.ts';

const hash = 'a'.repeat(64);
let store: Store;
const stepped = createSteppedClock();
const open = () => createRequestRecords({ store, namespace: 'default', clock: stepped });
const facts: SessionFacts = {
  id: 'the-session',
  status: 'ready',
  capabilities: [],
  extensions: [],
  createdAtMs: 1,
  expiresAtMs: 2,
  lifetimeEndMs: 3,
};
beforeEach(() => {
  store = createMemoryStore({ clock: systemClock });
});

describe('records', () => {
  test('past a day count no more, and are swept', async () => {
    const records = open();
    const old = await records.claim('porthole-request-1', hash);
    await records.complete(old, facts);
    await records.claim('porthole-request-2', hash);
    await stepped.step(24 * 60 * 60 * 1000 - 1);
    expect((await records.claim('porthole-request-1', hash)).facts).toEqual(facts);
    await stepped.step(1);
    const renewed = await records.claim('porthole-request-1', 'b'.repeat(64));
    expect(renewed).toMatchObject({ mine: true, facts: undefined });
    expect(await records.sweep()).toBe(1);
    expect((await store.list(configMaps)).items.map((m) => m.metadata.uid)).toEqual([renewed.uid]);
  });

  test('are completed by one and known to the other', async () => {
    const records = open();
    const mine = await records.claim('porthole-request-1', hash);
    const theirs = await records.claim('porthole-request-1', hash);
    expect([mine.mine, theirs.mine]).toEqual([true, false]);
    expect(await records.complete(theirs, facts)).toBe('completed');
    expect(await records.complete(mine, facts)).toBe('known');
    expect(await records.complete(mine, { ...facts, id: 'another' })).toBe('lost');
    expect(await records.forget(mine)).toBe('kept');
  });

  test('are forgotten once, and what was promised meanwhile is lost', async () => {
    const records = open();
    const mine = await records.claim('porthole-request-1', hash);
    const theirs = await records.claim('porthole-request-1', hash);
    expect(await records.forget(mine)).toBe('forgotten');
    expect(await records.forget(theirs)).toBe('absent');
    expect(await records.complete(theirs, facts)).toBe('lost');
    await records.claim('porthole-request-1', hash);
    expect(await records.forget(theirs)).toBe('absent');
  });

  test('are swept at the start and every hour, and a failed sweep is not the last', async () => {
    const records = open();
    const day = 24 * 60 * 60 * 1000;
    await records.claim('porthole-request-1', hash);
    let fails = 1;
    const sweep = () => (fails-- > 0 ? Promise.reject(new Error('store away')) : records.sweep());
    const logger = createLogger({ name: 'test', level: 'silent' });
    using _ = startSweeper({ records: { ...records, sweep }, clock: stepped, logger });
    await stepped.step(day - 1);
    expect((await store.list(configMaps)).items).toHaveLength(1);
    await stepped.step(60 * 60 * 1000);
    expect((await store.list(configMaps)).items).toEqual([]);
  });
});

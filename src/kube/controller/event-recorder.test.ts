import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import type { Event } from '../../lib/kubernetes.ts';
import { createLogger } from '../../lib/logger.ts';
import type { StoredObject } from '../../lib/object-meta.ts';
import { formatMicroTime } from '../../lib/time.ts';
import { events } from '../builtins.ts';
import { createMemoryStore, type MemoryStore } from '../memory/memory-store.ts';
import { StoreError, type StoreReason } from '../store-error.ts';
import type { Store } from '../store.ts';
import { createEventRecorder } from './event-recorder.ts';
import type { EventFacts, EventRecorder } from './port.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const thing = (name: string, namespace = 'here'): StoredObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Thing',
  metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '' },
});
const facts = (more: Partial<EventFacts> = {}): EventFacts => ({
  ...{ type: 'Warning', reason: 'Broken', action: 'Discard', note: 'It broke.' },
  ...more,
});

let clock: SteppedClock;
let memory: MemoryStore;
let refusals: StoreReason[];
let writes: number;
let hangs: boolean;
let lostAnswers: number;
let recorder: EventRecorder & AsyncDisposable;

beforeEach(() => {
  clock = createSteppedClock();
  memory = createMemoryStore({ clock });
  refusals = [];
  writes = 0;
  hangs = false;
  lostAnswers = 0;
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    writes += 1;
    if (hangs) await new Promise(() => undefined);
    const refusal = refusals.shift();
    if (refusal) throw new StoreError(refusal, 'no');
    const answer = await call();
    if (lostAnswers-- > 0) throw new StoreError('Unavailable', 'the connection broke');
    return answer;
  };
  const store: Store = {
    ...memory,
    create: (resource, object) => through(() => memory.create(resource, object)),
    patch: (resource, key, patch, expected) => through(() => memory.patch(resource, key, patch, expected)),
  };
  const reporter = { reportingController: 'example.com/operator', reportingInstance: 'operator-1' };
  recorder = createEventRecorder({ store, clock, logger, ...reporter });
});
afterEach(async () => {
  const gone = recorder[Symbol.asyncDispose]();
  await clock.step(10_000);
  await gone;
  await memory[Symbol.asyncDispose]();
});

const written = async (): Promise<readonly Event[]> => (await memory.list(events)).items;
const counts = async (): Promise<(number | undefined)[]> => (await written()).map((event) => event.series?.count);

describe('an event', () => {
  it('is written as the API server wants it, after the caller is done', async () => {
    const startMs = clock.now();
    recorder.record(thing('a'), facts({ related: thing('b', '') }));
    expect(writes).toBe(0);
    await clock.step(0);
    const [event] = await written();
    expect(event).toMatchObject({
      eventTime: formatMicroTime(startMs),
      reportingController: 'example.com/operator',
      reportingInstance: 'operator-1',
      ...{ type: 'Warning', reason: 'Broken', action: 'Discard', note: 'It broke.' },
      regarding: { apiVersion: 'example.com/v1', kind: 'Thing', namespace: 'here', name: 'a', uid: 'uid-a' },
      related: { apiVersion: 'example.com/v1', kind: 'Thing', name: 'b', uid: 'uid-b' },
    });
    expect(event?.metadata.namespace).toBe('here');
    expect(event?.metadata.name).toMatch(/^a\.[0-9a-f]{16}$/);
    expect(event?.eventTime).toMatch(/\.\d{6}Z$/);
    expect(event?.series).toBeUndefined();
  });

  it('of what has no namespace stands in default', async () => {
    recorder.record(thing('node', ''), facts());
    await clock.step(0);
    expect((await written()).map((e) => e.metadata.namespace)).toEqual(['default']);
  });

  it('fits, whatever its parts are like', async () => {
    const long = `${'a'.repeat(235)}.${'b'.repeat(17)}`;
    recorder.record(thing(long), facts({ note: `x${'ü'.repeat(600)}`, reason: 'R'.repeat(200) }));
    await clock.step(0);
    const [event] = await written();
    expect(event?.metadata.name).toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
    expect(event?.metadata.name.length).toBeLessThanOrEqual(253);
    expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1024);
    expect(event?.note).toMatch(/^xü+…$/);
    expect(event?.reason).toHaveLength(128);
  });
});

describe('what happens again', () => {
  it('is counted, and written at most once a minute', async () => {
    for (let i = 0; i < 10; i++) {
      recorder.record(thing('a'), facts());
      await clock.step(1_000);
    }
    const lastMs = clock.now() - 1_000;
    expect(writes).toBe(1);
    await clock.step(60_000);
    expect(writes).toBe(2);
    expect((await written()).map((e) => e.series)).toEqual([{ count: 10, lastObservedTime: formatMicroTime(lastMs) }]);
    await clock.step(300_000);
    expect(writes).toBe(2);
  });

  it.each([
    ['to another object', thing('b'), facts()],
    ['for another reason', thing('a'), facts({ reason: 'Lost' })],
    ['as another type', thing('a'), facts({ type: 'Normal' })],
    ['with another action', thing('a'), facts({ action: 'Retry' })],
  ])('%s is another event', async (_how, regarding, other) => {
    recorder.record(thing('a'), facts());
    recorder.record(regarding, other);
    await clock.step(0);
    expect(await counts()).toEqual([undefined, undefined]);
  });

  it('after a long silence is another event', async () => {
    recorder.record(thing('a'), facts());
    await clock.step(360_000);
    recorder.record(thing('a'), facts());
    await clock.step(0);
    expect(await counts()).toEqual([undefined, undefined]);
    const names = (await written()).map((e) => e.metadata.name);
    expect(new Set(names).size).toBe(2);
  });

  it('is written anew when its event has expired in the store', async () => {
    recorder.record(thing('a'), facts());
    await clock.step(0);
    for (const { metadata } of await written()) await memory.delete(events, metadata);
    recorder.record(thing('a'), facts());
    await clock.step(60_000);
    recorder.record(thing('a'), facts());
    await clock.step(0);
    expect(await counts()).toEqual([undefined]);
  });
});

describe('limits', () => {
  it('hold for each object', async () => {
    for (let i = 0; i < 100; i++) recorder.record(thing('a'), facts({ reason: `R${i}` }));
    recorder.record(thing('b'), facts());
    await clock.step(10_000);
    expect((await written()).filter((e) => e.regarding.name === 'a')).toHaveLength(20);
    expect((await written()).filter((e) => e.regarding.name === 'b')).toHaveLength(1);
    recorder.record(thing('a'), facts({ reason: 'Later' }));
    await clock.step(60_000);
    recorder.record(thing('a'), facts({ reason: 'MuchLater' }));
    await clock.step(0);
    expect((await written()).map((e) => e.reason)).toContain('MuchLater');
    expect((await written()).map((e) => e.reason)).not.toContain('Later');
  });

  it('hold for all together: a burst, then ten a second, and no more than a thousand wait', async () => {
    for (let i = 0; i < 3_000; i++) recorder.record(thing(`t${i}`), facts());
    await clock.step(0);
    expect(writes).toBe(50);
    await clock.step(10_000);
    expect(writes).toBe(150);
    await clock.step(600_000);
    expect(writes).toBe(1_000);
  });
});

describe('a store that', () => {
  it.each<StoreReason>(['TooManyRequests', 'Unavailable'])('answers %s is asked again', async (reason) => {
    refusals = [reason, reason];
    recorder.record(thing('a'), facts());
    await clock.step(10_000);
    expect(await counts()).toEqual([undefined]);
  });

  it.each<StoreReason>(['Forbidden', 'Invalid'])('answers %s is left alone, and nobody hears of it', async (reason) => {
    refusals = [reason];
    recorder.record(thing('a'), facts());
    recorder.record(thing('b'), facts());
    await clock.step(10_000);
    expect((await written()).map((e) => e.regarding.name)).toEqual(['b']);
  });

  it('has written, and whose answer is lost, gets no second one', async () => {
    lostAnswers = 1;
    recorder.record(thing('a'), facts());
    await clock.step(10_000);
    expect(writes).toBe(2);
    expect(await counts()).toEqual([undefined]);
  });

  it('is down for long loses the event, not the recorder', async () => {
    refusals = Array.from({ length: 5 }, () => 'Unavailable');
    recorder.record(thing('a'), facts());
    await clock.step(60_000);
    recorder.record(thing('a'), facts());
    await clock.step(0);
    expect(await counts()).toEqual([undefined]);
  });
});

describe('disposal', () => {
  it('writes what is left, counts included', async () => {
    recorder.record(thing('a'), facts());
    await clock.step(0);
    recorder.record(thing('a'), facts());
    for (let i = 0; i < 100; i++) recorder.record(thing(`t${i}`), facts());
    await recorder[Symbol.asyncDispose]();
    expect(await written()).toHaveLength(101);
    expect((await written()).find((e) => e.regarding.name === 'a')?.series?.count).toBe(2);
    recorder.record(thing('late'), facts());
    await clock.step(60_000);
    expect(await written()).toHaveLength(101);
  });

  it('waits for a store that does not answer a few seconds and no longer', async () => {
    hangs = true;
    recorder.record(thing('a'), facts());
    let isGone = false;
    const gone = recorder[Symbol.asyncDispose]().then(() => (isGone = true));
    await clock.step(2_999);
    expect(isGone).toBe(false);
    await clock.step(1);
    await gone;
  });

  it('waits for nothing when there is nothing', async () => {
    await recorder[Symbol.asyncDispose]();
  });
});

it('never throws into the caller', async () => {
  const odd = { apiVersion: 'v1', kind: 'Odd' } as unknown as StoredObject;
  expect(() => recorder.record(odd, facts())).not.toThrow();
  await clock.step(0);
  expect(writes).toBe(0);
});

import { beforeEach, describe, expect, test } from 'vitest';
import { account } from '../../../test/support/objects.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { Change } from '../../kube/controller/port.ts';
import { createMemoryStore } from '../../kube/memory/memory-store.ts';
import { StoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { createSecondLook, type SecondLook } from './second-look.ts';

const mine = account();
const { name, namespace } = mine.metadata;
const uid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

let clock: SteppedClock;
let store: Store;
let lists: number;
let failing: StoreError | undefined;
let tell: (change: Change<BrowserSession>) => void;
let look: SecondLook;

beforeEach(() => {
  clock = createSteppedClock();
  store = createMemoryStore({ clock });
  lists = 0;
  failing = undefined;
  const list: Store['list'] = (...args) => {
    lists += 1;
    return failing ? Promise.reject(failing) : store.list(...args);
  };
  const onChange = (handler: typeof tell) => {
    tell = handler;
    return { [Symbol.dispose]: () => undefined };
  };
  look = createSecondLook({ sessions: { onChange }, store: { list }, namespace, clock });
});

const create = (of = name): Promise<BrowserSession> =>
  store.create(browserSessions, {
    apiVersion: 'porthole.dev/v1alpha1',
    kind: 'BrowserSession',
    metadata: { name: `s-${of}`, namespace, labels: { [labels.account]: of } },
    spec: { accountRef: { name: of } },
  } as unknown as NewObject<BrowserSession>);

describe('a second look', () => {
  test('finds what the local copy does not have yet, of that account only', async () => {
    const session = await create();
    const other = await create('other');
    expect((await look(session.metadata.uid, mine))?.metadata.uid).toBe(session.metadata.uid);
    expect(await look(other.metadata.uid, mine)).toBeUndefined();
  });

  test('is not taken twice for what was absent once', async () => {
    expect([await look(uid(1), mine), await look(uid(1), mine)]).toEqual([undefined, undefined]);
    expect(lists).toBe(1);
  });

  test('is not taken for what was seen to be deleted', async () => {
    const session = await create();
    tell({ type: 'deleted', object: session });
    expect(await look(session.metadata.uid, mine)).toBeUndefined();
    expect(lists).toBe(0);
  });

  test('is one for all who ask at once, and begins after the question', async () => {
    const [first, second, third] = await Promise.all([look(uid(1), mine), look(uid(2), mine), look(uid(3), mine)]);
    expect([first, second, third]).toEqual([undefined, undefined, undefined]);
    expect(lists).toBeLessThanOrEqual(2);
    const session = await create();
    expect(await look(session.metadata.uid, mine)).toBeDefined();
  });

  test('ends for an account that asks for ids that never were, and for nobody else', async () => {
    for (let n = 0; n < 100; n += 1) await look(uid(n), mine);
    expect(lists).toBe(20);
    const other = { ...mine, metadata: { ...mine.metadata, uid: uid(1), name: 'other' } };
    await look(uid(1_000), other);
    expect(lists).toBe(21);
    await clock.step(1_000);
    for (let n = 200; n < 210; n += 1) await look(uid(n), mine);
    expect(lists).toBe(23);
  });

  test('that fails is no answer, and the next one is another try', async () => {
    failing = new StoreError('Unavailable', 'away');
    await expect(look(uid(1), mine)).rejects.toThrow('away');
    failing = undefined;
    expect(await look(uid(1), mine)).toBeUndefined();
    expect(lists).toBe(2);
  });
});

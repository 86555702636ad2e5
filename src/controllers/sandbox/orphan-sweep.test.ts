import { describe, expect, it } from 'vitest';
import { pod, session, startMs, type PodKind } from '../../../test/support/objects.ts';
import { silentLogger } from '../../../test/support/fakes.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { PoolBook } from '../../core/pool/book.ts';
import type { Informer, WorkQueue } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import { StoreError } from '../../kube/store-error.ts';
import { createSteppedClock } from '../../lib/clock.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { ObjectMeta, StoredObject } from '../../lib/object-meta.ts';
import type { World } from '../world.ts';
import { findOrphans, findUndeleted, startOrphanSweep } from './orphan-sweep.ts';

/** What the sweep reads of a world. */
interface Seen {
  readonly pods?: readonly Pod[];
  readonly sessions?: readonly BrowserSession[];
  readonly book?: PoolBook;
  readonly synced?: Promise<void>;
}

function informerOf<T extends StoredObject>(objects: readonly T[]): Informer<T> {
  return {
    get: ({ name }) => objects.find((o) => o.metadata.name === name),
    byUid: (uid) => objects.find((o) => o.metadata.uid === uid),
    list: () => objects,
    byIndex: () => [],
    onChange: () => ({ [Symbol.dispose]: () => undefined }),
    synced: Promise.resolve(),
    lastContactMs: 0,
  };
}

function worldOf({ pods = [], sessions = [], book = new PoolBook(), synced = Promise.resolve() }: Seen): World {
  const seen = { pods: informerOf(pods), sessions: informerOf(sessions), book, synced };
  return seen as Partial<World> as World;
}

const owned = (kind: PodKind = 'claimed', over: Partial<ObjectMeta> = {}): Pod =>
  pod(kind, 'p', { labels: { [labels.sessionUid]: 'uid-s' }, ...over });
const halfAMinuteMs = 30_000;

describe('an orphan', () => {
  it.each<readonly [string, Seen, readonly string[]]>([
    ['is a pod whose session does not exist', { pods: [owned()] }, ['uid-s']],
    ['is a pod whose session has ended', { pods: [owned()], sessions: [session({}, { phase: 'Ended' })] }, ['uid-s']],
    [
      'is a pod whose session is held by a finalizer only',
      { pods: [owned()], sessions: [session({}, undefined, { deletionTimestamp: '2026-01-01T00:00:00Z' })] },
      ['uid-s'],
    ],
    ['is named once, however many pods there are', { pods: [owned(), owned('failed')] }, ['uid-s']],
    ['is no pod of a live session', { pods: [owned()], sessions: [session({}, { phase: 'Ready' })] }, []],
    ['is no pod of a session without a status yet', { pods: [owned()], sessions: [session()] }, []],
    ['is no warm pod', { pods: [pod('warm')] }, []],
    ['is no pod that is being deleted', { pods: [owned('ending')] }, []],
  ])('%s', (_name, seen, expected) => {
    expect(findOrphans(worldOf(seen), startMs + halfAMinuteMs)).toEqual(expected);
  });

  it('is no pod that is younger than half a minute: its session may not have been shown yet', () => {
    expect(findOrphans(worldOf({ pods: [owned()] }), startMs + halfAMinuteMs - 1)).toEqual([]);
  });
});

describe('a sandbox that was given up', () => {
  it.each<readonly [string, PodKind, boolean]>([
    ['and lives on is found', 'warm', true],
    ['and is being deleted is not', 'ending', false],
  ])('%s', (_name, kind, isFound) => {
    const book = new PoolBook();
    book.observe(pod('warm'));
    book.retire('uid-p');
    expect(findUndeleted(worldOf({ pods: [pod(kind)], book }))).toHaveLength(isFound ? 1 : 0);
  });

  it('is nothing that is warm or claimed', () => {
    const book = new PoolBook();
    const both = [pod('warm', '1'), pod('claimed', '2')];
    for (const one of both) book.observe(one);
    expect(findUndeleted(worldOf({ pods: both, book }))).toEqual([]);
  });
});

describe('the sweep', () => {
  function sweepOver(seen: Seen, store: Partial<Store> = {}) {
    const clock = createSteppedClock(startMs);
    const departed: string[] = [];
    const departures: WorkQueue = { add: ({ name }) => void departed.push(name), addAfter: () => undefined };
    const mayGrant = (): boolean => true;
    const options = { world: worldOf(seen), clock, logger: silentLogger, namespace: 'default', departures, mayGrant };
    const sweeping = startOrphanSweep({ ...options, store: store as Store });
    return { clock, departed, sweeping };
  }

  it('collects every half minute', async () => {
    const { clock, departed } = sweepOver({ pods: [owned()] });
    await clock.step(29_999);
    expect(departed).toEqual([]);
    await clock.step(30_001);
    expect(departed).toEqual(['uid-s', 'uid-s']);
  });

  it('takes nobody for an orphan before the first lists have arrived', async () => {
    const synced = Promise.withResolvers<undefined>();
    const { clock, departed } = sweepOver({ pods: [owned()], synced: synced.promise });
    await clock.step(90_000);
    expect(departed).toEqual([]);
    synced.resolve(undefined);
    await clock.step(30_000);
    expect(departed).toEqual(['uid-s']);
  });

  it('deletes what a failed delete has left, and goes on after another failure', async () => {
    const book = new PoolBook();
    book.observe(pod('warm'));
    book.retire('uid-p');
    const deleted: (string | undefined)[] = [];
    const remove: Store['delete'] = (_resource, _key, options) => {
      deleted.push(options?.uid);
      return Promise.reject(new StoreError('Unavailable', 'away'));
    };
    const { clock } = sweepOver({ pods: [pod('warm')], book }, { delete: remove });
    await clock.step(60_000);
    expect(deleted).toEqual(['uid-p', 'uid-p']);
  });

  it('ends when disposed', async () => {
    const { clock, departed, sweeping } = sweepOver({ pods: [owned()] });
    await clock.step(30_000);
    sweeping[Symbol.dispose]();
    await clock.step(90_000);
    expect(departed).toEqual(['uid-s']);
  });
});

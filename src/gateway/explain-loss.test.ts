import { expect, test } from 'vitest';
import { session } from '../../test/support/objects.ts';
import type { BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { createSteppedClock } from '../lib/clock.ts';
import { StoreError } from '../kube/store-error.ts';
import { createExplainLoss } from './explain-loss.ts';

const live = { ...session(), status: { phase: 'Ready', sandbox: {} } } as unknown as BrowserSession;
const ended = { ...live, status: { phase: 'Ended' } } as unknown as BrowserSession;
const leaving = { ...live, metadata: { ...live.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
const { uid } = live.metadata;

function explain(seen: BrowserSession | undefined, read: () => Promise<BrowserSession | undefined>) {
  const clock = createSteppedClock();
  const sessions = { byUid: () => seen } as never;
  const store = { get: read } as never;
  return { clock, loss: createExplainLoss({ sessions, store, clock }) };
}

const stored = (object: BrowserSession | undefined) => () => Promise.resolve(object);

test.each<[string, BrowserSession | undefined, () => Promise<BrowserSession | undefined>, number]>([
  ['a session that lives has lost its browser', live, stored(live), 1011],
  ['the watch has shown its end', ended, stored(live), 1001],
  ['the watch has shown its deletion', undefined, stored(undefined), 1001],
  ['the watch lags behind its deletion', live, stored(undefined), 1001],
  ['the watch lags behind its end', live, stored(ended), 1001],
  ['the watch lags behind a deletion that waits', live, stored(leaving), 1001],
  [
    'the watch lags behind a successor of its name',
    live,
    stored({ ...live, metadata: { ...live.metadata, uid: 'other' } }),
    1001,
  ],
  ['the store cannot say', live, () => Promise.reject(new StoreError('Unavailable', 'away')), 1011],
])('%s', async (_what, seen, read, code) => {
  expect((await explain(seen, read).loss(uid)).code).toBe(code);
});

test('a store that takes its time does not keep the client waiting', async () => {
  const { clock, loss } = explain(live, () => new Promise(() => undefined));
  const told = loss(uid);
  await clock.step(1_000);
  expect((await told).code).toBe(1011);
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test, vi } from 'vitest';
import { session } from '../../../test/support/objects.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { StoreError } from '../../kube/store-error.ts';
import { createSteppedClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/logger.ts';
import { createAudienceNotes } from './audience.ts';

/** An agent that says how many there are. */
let viewers = 0;
let asked = 0;
const server = createServer((_request, response) => {
  asked += 1;
  response.end(JSON.stringify({ browser: { display: 'headful' }, viewers }));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
afterAll(() => new Promise((resolve) => server.close(resolve)));

const ready = { ...session(), status: { phase: 'Ready', sandbox: {} } } as unknown as BrowserSession;
const { uid } = ready.metadata;

function start(write: () => Promise<void> = () => Promise.resolve()) {
  const clock = createSteppedClock();
  let stored: BrowserSession | undefined = ready;
  const written: unknown[] = [];
  viewers = 0;
  asked = 0;
  const notes = createAudienceNotes({
    tickets: { ticketFor: () => 'ticket' },
    agentPort: (server.address() as AddressInfo).port,
    clock,
    logger: createLogger({ name: 'test', level: 'silent' }),
    sessions: { byUid: () => stored } as never,
    resolve: () =>
      Promise.resolve({
        kind: 'ready',
        session: ready,
        account: undefined as never,
        sandbox: { podUid: 'pod', podIp: '127.0.0.1' },
      }),
    store: {
      patchStatus: async (_resource: unknown, _key: unknown, status: Partial<BrowserSession['status']>) => {
        await write();
        written.push(status);
        stored = { ...ready, status: { ...ready.status, ...status } } as BrowserSession;
      },
    } as never,
  });
  return { clock, notes, written, forget: (next: BrowserSession | undefined) => (stored = next) };
}
const counts = (...numbers: number[]) => numbers.map((count) => ({ liveView: { viewers: count } }));
const becomes = (written: unknown[], ...numbers: number[]): Promise<void> =>
  vi.waitFor(() => expect(written).toEqual(counts(...numbers)), { timeout: 20_000 });

test('several who come at once are one write, and the next comes five seconds later', async () => {
  const { clock, notes, written } = start();
  viewers = 3;
  for (let i = 0; i < 3; i++) notes.changed(uid);
  await clock.step(1_000);
  await becomes(written, 3);
  expect(asked).toBe(1);
  viewers = 1;
  for (let second = 0; second < 4; second++) {
    notes.changed(uid);
    await clock.step(1_000);
  }
  expect(written).toEqual(counts(3));
  await clock.step(1_000);
  await becomes(written, 3, 1);
  expect(asked).toBe(2);
});

test('a page that is loaded again changes nothing', async () => {
  const { clock, notes, written } = start();
  viewers = 1;
  notes.changed(uid);
  await clock.step(1_000);
  await becomes(written, 1);
  notes.changed(uid);
  notes.changed(uid);
  await clock.step(5_000);
  await vi.waitFor(() => expect(asked).toBe(2), { timeout: 20_000 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(written).toEqual(counts(1));
});

test('of a session that has ended nobody looks on, and its agent is not asked', async () => {
  const { clock, notes, written, forget } = start();
  forget({ ...ready, status: { ...ready.status, phase: 'Ended', liveView: { viewers: 2 } } });
  notes.changed(uid);
  await clock.step(1_000);
  await becomes(written, 0);
  expect(asked).toBe(0);
});

test.each([
  ['is gone', () => Promise.reject(new StoreError('NotFound', 'gone'))],
  ['cannot be written to', () => Promise.reject(new StoreError('Unavailable', 'away'))],
])('a session that %s is no trouble', async (_what, write) => {
  const { clock, notes, forget } = start(write);
  viewers = 1;
  notes.changed(uid);
  await clock.step(1_000);
  await vi.waitFor(() => expect(asked).toBe(1), { timeout: 20_000 });
  forget(undefined);
  notes.changed(uid);
  await clock.step(5_000);
  expect(asked).toBe(1);
});

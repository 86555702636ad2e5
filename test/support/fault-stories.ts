import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { browserSessions, type BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion, labels } from '../../src/api/v1alpha1/group.ts';
import { pods } from '../../src/kube/builtins.ts';
import { isStoreError, type StoreReason } from '../../src/kube/store-error.ts';
import type { Store } from '../../src/kube/store.ts';
import { sessionsNamespace } from './chart.ts';
import type { FaultyProcess, FaultWorld } from './fault-world.ts';
import type { SessionLog } from './session-log.ts';

/** Longest that a story may need to come to rest: a lease runs out, then everybody's back-off of up to 30 s, and machines are busy. */
export const calmLimitMs = 150_000;

/** The API server is away, busy, or has just started: then it knows nothing of namespaces yet, and refuses whatever is in one. */
function mayPass(error: unknown): boolean {
  const isStarting = isStoreError(error, 'Forbidden') && /not yet ready/i.test(error.message);
  return isStarting || isStoreError(error, 'Unavailable', 'TooManyRequests');
}

/** As a user's tool does when the API server is away: again and again. */
async function insist(write: () => Promise<unknown>, done: StoreReason): Promise<void> {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      if (isStoreError(error, done)) return;
      if (!mayPass(error)) throw error;
      await delay(200);
    }
  }
}

/** What a user who kubectl-applies a session writes: it waits in line for a slot. */
export async function createSession(store: Store, name: string): Promise<void> {
  const metadata = { name, namespace: sessionsNamespace };
  const given = { accountRef: { name: 'default' }, onQuotaExceeded: 'Queue' };
  // The API server fills in the rest.
  const object = { apiVersion, kind: 'BrowserSession', metadata, spec: given as BrowserSession['spec'] } as const;
  await insist(() => store.create(browserSessions, object), 'AlreadyExists');
}

export async function removeSession(store: Store, name: string): Promise<void> {
  await insist(() => store.delete(browserSessions, { namespace: sessionsNamespace, name }), 'NotFound');
}

/** Creates so many sessions, a few at once; gives their names. */
export async function createSessions(store: Store, count: number, prefix = 's'): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const left = [...names];
  const worker = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await createSession(store, name);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return names;
}

/** Users who are done with a session as soon as they have it. */
export function removeWhenReady(store: Store, log: SessionLog): { readonly failures: unknown[] } {
  const failures: unknown[] = [];
  log.onReady = ({ metadata }) => {
    removeSession(store, metadata.name).catch((error: unknown) => failures.push(error));
  };
  return { failures };
}

async function leads({ metricsUrl }: FaultyProcess): Promise<boolean> {
  const metrics = await fetch(`${metricsUrl}/metrics`).catch(() => undefined);
  return /^leader_election_master_status\{.*\} 1$/m.test((await metrics?.text()) ?? '');
}

/** The one of these operators that leads. */
export async function findLeader(operators: readonly FaultyProcess[]): Promise<FaultyProcess> {
  let leader: FaultyProcess | undefined;
  await expect
    .poll(
      async () => {
        const states = await Promise.all(operators.map(leads));
        leader = operators[states.indexOf(true)];
        return states.filter(Boolean).length;
      },
      { timeout: calmLimitMs },
    )
    .toBe(1);
  if (!leader) throw new Error('nobody leads');
  return leader;
}

/** Sandboxes that belong to a session. Those that are warm belong to nobody, and may stay. */
export async function claimedPods(store: Store): Promise<readonly string[]> {
  const { items } = await store.list(pods, { namespace: sessionsNamespace });
  return items
    .filter(({ metadata }) => metadata.labels?.[labels.sessionUid])
    .map(({ metadata }) => (metadata.deletionTimestamp ? `${metadata.name}, on its way out` : metadata.name));
}

export async function sessionNames(store: Store): Promise<readonly string[]> {
  return (await store.list(browserSessions, { namespace: sessionsNamespace })).items.map((s) => s.metadata.name);
}

/** Whether nobody scheduled them or nobody ran them. */
async function describePods(store: Store): Promise<string> {
  const { items } = await store.list(pods, { namespace: sessionsNamespace });
  const lines = items.map(({ metadata, spec, status }) =>
    [
      `${metadata.name} of ${metadata.creationTimestamp}`,
      `on ${spec.nodeName ?? 'no node'}`,
      status?.phase,
      ...(metadata.deletionTimestamp ? ['on its way out'] : []),
      ...(status?.conditions ?? []).map(({ type, status: is, reason, message }) =>
        [type, is, reason, message].filter(Boolean).join(' '),
      ),
    ].join(', '),
  );
  return `Pods:\n${lines.join('\n')}`;
}

/** Polls until it is nothing; else says what is left, and what the processes have said. */
async function untilNothing(world: FaultWorld, what: string, look: () => Promise<readonly string[]>): Promise<void> {
  const giveUpMs = performance.now() + calmLimitMs;
  const lookAgain = (): Promise<readonly string[]> =>
    look().catch((error: unknown) => {
      if (!mayPass(error)) throw error;
      return [`nobody knows: ${String(error)}`];
    });
  for (let left = await lookAgain(); left.length > 0; left = await lookAgain()) {
    if (performance.now() > giveUpMs) {
      throw new Error(
        `${what}: ${left.join('; ')}\n${await describePods(world.store).catch(String)}\n${world.lastWords()}`,
      );
    }
    await delay(100);
  }
}

export interface Expected {
  readonly names: readonly string[];
  readonly quota: number;
}

/** All of them have had a browser, nobody has more than the quota allows at any time, and nothing is left of any. */
export async function expectAllServed(world: FaultWorld, log: SessionLog, expected: Expected): Promise<void> {
  const { names, quota } = expected;
  const byName = (name: string): BrowserSession | undefined => log.sessions.get({ namespace: sessionsNamespace, name });
  const unserved = (): readonly string[] =>
    names
      .filter((name) => !log.wereReady.has(name))
      .map((name) => `${name} is ${byName(name)?.status?.endReason ?? byName(name)?.status?.phase ?? 'new or gone'}`);
  await untilNothing(world, 'Sessions that had no browser', () => Promise.resolve(unserved()));
  await untilNothing(world, 'Sessions that stay', () => sessionNames(world.store));
  await untilNothing(world, 'Sandboxes that stay', () => claimedPods(world.store));
  expect(log.mostAdmitted).toBeLessThanOrEqual(quota);
  expect(log.mostAdmitted).toBeGreaterThan(1);
}

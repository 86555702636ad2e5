import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BrowserAccount } from '../../src/api/v1alpha1/browser-account.ts';
import { startClusterWorld, type ClusterWorld } from '../support/cluster-world.ts';
import { accountManifest, conditionOf, createKubectl, sessionManifest, type Kubectl } from '../support/kubectl.ts';
import { patience, stretch } from '../support/patience.ts';

const sessionsPath = '/api/v1/browser/sessions';
const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');
const makeKey = (): string => `ph_${randomBytes(16).toString('hex')}`;

let world: ClusterWorld;
let kubectl: Kubectl;

beforeAll(async () => {
  world = await startClusterWorld({ maxConcurrentSessions: 2, maxSandboxes: 8, warm: { min: 1, max: 2 } });
  kubectl = createKubectl(world);
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(async () => {
  await kubectl('delete', 'browsersessions', '--all');
  await vi.waitFor(async () => expect(await kubectl.pods('porthole.dev/session-uid')).toEqual([]), patience);
});

/** Creation times have whole seconds: those of one second have no order that a person could name. */
async function applyInOrder(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await kubectl.apply(sessionManifest(name));
    await stretch(1_100);
  }
}

const phases = async (...names: readonly string[]): Promise<(string | undefined)[]> =>
  Promise.all(names.map(async (name) => (await kubectl.session(name))?.status?.phase));

const account = async (): Promise<BrowserAccount['status']> =>
  (await kubectl.find<BrowserAccount>('browseraccount/default'))?.status;

describe('a session above the quota', () => {
  it('waits its turn, the oldest first, and says so', async () => {
    await applyInOrder('a', 'b', 'c', 'd');
    await Promise.all([kubectl.ready('a'), kubectl.ready('b')]);
    await vi.waitFor(async () => {
      expect(conditionOf(await kubectl.session('c'))).toBe('Ready=False (Queued)');
      expect(conditionOf(await kubectl.session('d'), 'Admitted')).toBe('Admitted=False (Queued)');
      expect(await account()).toMatchObject({ activeSessions: 2, queuedSessions: 2 });
    }, patience);
    await kubectl('delete', 'browsersession', 'b');
    await kubectl.ready('c');
    expect(await phases('a', 'd')).toEqual(['Ready', 'Pending']);
    await kubectl('delete', 'browsersession', 'a');
    await kubectl.ready('d');
  });

  it('is let in when the quota is raised', async () => {
    await applyInOrder('a', 'b', 'c');
    await vi.waitFor(
      async () => expect(conditionOf(await kubectl.session('c'))).toBe('Ready=False (Queued)'),
      patience,
    );
    const setQuota = (n: number): Promise<string> =>
      kubectl('patch', 'browseraccount/default', '--type=merge', `--patch={"spec":{"maxConcurrentSessions":${n}}}`);
    await setQuota(3);
    await kubectl.ready('c');
    await setQuota(2);
    expect(await phases('a', 'b', 'c')).toEqual(['Ready', 'Ready', 'Ready']);
  });

  it('that would rather not wait ends, and says why', async () => {
    await kubectl.apply([sessionManifest('a'), sessionManifest('b')]);
    await Promise.all([kubectl.ready('a'), kubectl.ready('b')]);
    await kubectl.apply(sessionManifest('proud', { onQuotaExceeded: 'Reject' }));
    const { status } = await kubectl.ended('proud');
    expect(status).toMatchObject({ endReason: 'ConcurrencyLimitReached', quota: { limit: 2, current: 2 } });
    expect(conditionOf(await kubectl.session('proud'))).toBe('Ready=False (ConcurrencyLimitReached)');
    const events = (): Promise<string> => kubectl('events', '--for=browsersession/proud');
    await vi.waitFor(async () => expect(await events()).toMatch(/Warning\s+ConcurrencyLimitReached/), patience);
  });
});

describe('REST and kubectl', () => {
  it('share one quota', async () => {
    await kubectl.apply(sessionManifest('a'));
    await kubectl.ready('a');
    const { id } = await world.api.create();
    const refused = await world.api.call('POST', sessionsPath);
    expect(refused.problem()).toMatchObject({ code: 'concurrency_limit_reached', limit: 2, current: 2 });
    await kubectl.apply(sessionManifest('b'));
    await vi.waitFor(
      async () => expect(conditionOf(await kubectl.session('b'))).toBe('Ready=False (Queued)'),
      patience,
    );
    await world.api.end(id);
    await kubectl.ready('b');
    await kubectl('delete', 'browsersession', 'a');
    await world.api.create();
  });

  it('never get more than it together, however hard they try', async () => {
    const byKubectl = Array.from({ length: 6 }, (_, i) => sessionManifest(`k${i}`, { onQuotaExceeded: 'Reject' }));
    const posts = Array.from({ length: 6 }, () => world.api.call('POST', sessionsPath));
    const [, answers] = await Promise.all([kubectl.apply(byKubectl), Promise.all(posts)]);
    const names = byKubectl.map(({ metadata }) => metadata.name);
    await vi.waitFor(async () => expect(await phases(...names)).not.toContain(undefined), patience);
    const ready = (await phases(...names)).filter((phase) => phase !== 'Ended').length;
    const created = answers.filter(({ status }) => status === 201).length;
    expect(created + ready).toBe(2);
    expect(answers.filter(({ status }) => status !== 201).map((answer) => answer.problem().code)).toEqual(
      Array(6 - created).fill('concurrency_limit_reached'),
    );
  });

  it('see the same sessions', async () => {
    await kubectl.apply(sessionManifest('a'));
    const { metadata } = await kubectl.ready('a');
    await vi.waitFor(
      async () => expect((await world.api.list()).map(({ id }) => id)).toEqual([metadata.uid]),
      patience,
    );
    await world.api.end(metadata.uid);
    expect(await kubectl.session('a')).toBeUndefined();
  });
});

describe('an account by GitOps', () => {
  const answerTo = async (key: string): Promise<number> => (await world.as(key).call('GET', sessionsPath)).status;
  const becomes = (key: string, status: number): Promise<void> =>
    vi.waitFor(async () => expect(await answerTo(key)).toBe(status), patience);

  it('is there as soon as it is applied, by the hash of its key', async () => {
    const [first, second] = [makeKey(), makeKey()];
    const apply = (...keys: string[]): Promise<string> =>
      kubectl.apply(
        accountManifest('team', { maxConcurrentSessions: 1, apiKeyHashes: keys.map(hashOf) }),
        '--server-side',
      );
    await apply(first);
    await becomes(first, 200);
    const { id } = await world.as(first).create();
    expect((await world.as(first).call('POST', sessionsPath)).status).toBe(503);

    await apply(first, second);
    await becomes(second, 200);
    expect((await world.as(second).list()).map((session) => session.id)).toEqual([id]);

    await apply(second);
    await becomes(first, 401);
    await world.as(second).end(id);

    await kubectl('delete', 'browseraccount/team');
    await becomes(second, 401);
  });

  it('lets a session wait that was applied before it', async () => {
    await kubectl.apply(sessionManifest('early', { accountRef: { name: 'late' } }));
    const early = () => kubectl.session('early');
    await vi.waitFor(async () => expect(conditionOf(await early())).toBe('Ready=False (AccountNotFound)'), patience);
    await kubectl.apply(accountManifest('late', { maxConcurrentSessions: 1 }));
    await kubectl.ready('early');
    await kubectl('delete', 'browseraccount/late');
  });

  it('refuses a key in place of its hash', async () => {
    await expect(kubectl.apply(accountManifest('leaky', { apiKeyHashes: [makeKey()] }))).rejects.toThrow(
      /apiKeyHashes/,
    );
  });
});

import { describe, expect, it } from 'vitest';
import { account, agentStatus, pod, session, startMs } from '../../../test/support/objects.ts';
import { browserSessionStatus, endReasons, type BrowserSessionStatus } from '../../api/v1alpha1/browser-session.ts';
import { formatTime } from '../../lib/time.ts';
import { endedStatus, notedStatus, readyStatus, startingStatus, waitingStatus, type ReadyFacts } from './status.ts';

const nowMs = startMs + 1_000;
const at = (offsetMs: number): string => formatTime(startMs + offsetMs);
const urls = { cdp: 'wss://cdp.example.com', live: 'https://live.example.com' };

const facts = (over: Partial<ReadyFacts> = {}): ReadyFacts => ({
  session: session(),
  account: account(),
  pod: pod('warm'),
  agent: agentStatus,
  wasWarm: true,
  admittedAtMs: startMs + 500,
  nowMs,
  urls,
  ...over,
});

type Patch = ReturnType<typeof readyStatus>;

/** What the session says once the patch is in it. */
const merged = (before: BrowserSessionStatus | undefined, patch: Patch): BrowserSessionStatus =>
  browserSessionStatus.parse({ ...before, ...patch });
const conditionsOf = ({ conditions }: Patch): string[] =>
  (conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}`);

describe('a ready session', () => {
  it('says all at once: admitted, where it is, until when', () => {
    const patch = readyStatus(facts());
    expect(merged(undefined, patch)).toMatchObject({
      phase: 'Ready',
      observedGeneration: 1,
      cdpUrl: 'wss://cdp.example.com/sessions/uid-s',
      liveViewUrl: 'https://live.example.com/uid-s',
      sandbox: { podName: 'p', podUID: 'uid-p', node: '', warm: true },
      admittedAt: at(500),
      readyAt: at(1_000),
      lastActivityAt: at(1_000),
      expiresAt: at(901_000),
    });
    expect(conditionsOf(patch)).toEqual([
      'Admitted=True Admitted',
      'SandboxReady=True Bound',
      'Ready=True Ready',
      'Isolated=False LocalProcess',
    ]);
  });

  it('keeps the time of admission that an earlier write has told', () => {
    const started = session({}, { phase: 'Starting', admittedAt: at(100) });
    expect(readyStatus(facts({ session: started })).admittedAt).toBe(at(100));
  });

  it.each([
    ['its own idle timeout', { idleTimeoutMs: 5_000 }, {}, 6_000],
    ['its own maximum lifetime', { maxLifetimeMs: 3_000 }, {}, 3_000],
    ["the account's longest idle timeout", {}, { maxIdleTimeoutMs: 2_000 }, 3_000],
    ["the account's maximum lifetime", {}, { maxLifetimeMs: 4_000 }, 4_000],
  ])('expires by %s', (_by, spec, limits, expectedMs) => {
    const patch = readyStatus(facts({ session: session(spec), account: account({ limits }) }));
    expect(patch.expiresAt).toBe(at(expectedMs));
  });

  it.each([
    ['LocalProcess', 'False'],
    ['Container', 'False'],
    ['GVisor', 'True'],
    ['VirtualMachine', 'True'],
  ] as const)('in a %s has Isolated=%s', (isolation, status) => {
    const { conditions } = readyStatus(facts({ agent: { ...agentStatus, isolation } }));
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'Isolated', status, reason: isolation }));
  });

  it('acknowledges an edited spec and moves its end', () => {
    const edited = session({}, { phase: 'Ready', observedGeneration: 1 }, { generation: 2 });
    const expiry = { idleLookAtMs: startMs + 7_000, lifetimeEndsAtMs: startMs + 9_000 };
    expect(notedStatus(edited, expiry)).toEqual({ observedGeneration: 2, expiresAt: at(7_000) });
    const ended = session({}, { phase: 'Ended' }, { generation: 2 });
    expect(notedStatus(ended, expiry)).toEqual({ observedGeneration: 2 });
  });
});

describe('a session without a browser yet', () => {
  it('that starts is admitted and not ready', () => {
    const patch = startingStatus(session(), nowMs);
    expect(patch).toMatchObject({ phase: 'Starting', admittedAt: at(1_000) });
    expect(conditionsOf(patch)).toEqual([
      'Admitted=True Admitted',
      'SandboxReady=False SandboxStarting',
      'Ready=False SandboxStarting',
      'Reconciling=True SandboxStarting',
    ]);
  });

  it('that waits for a slot is not admitted', () => {
    const patch = waitingStatus(session(), nowMs, { reason: 'Queued' });
    expect(merged(undefined, patch).phase).toBe('Pending');
    expect(patch).not.toHaveProperty('admittedAt');
    expect(conditionsOf(patch)).toEqual(['Admitted=False Queued', 'Ready=False Queued', 'Reconciling=True Queued']);
  });

  it('that has a slot and waits for room stays admitted, whether a write has said so or not', () => {
    for (const status of [undefined, { phase: 'Starting', admittedAt: at(0) } as const]) {
      const patch = waitingStatus(session({}, status), nowMs, { reason: 'PoolExhausted', admittedAtMs: startMs });
      expect(patch).toMatchObject({ phase: 'Starting', admittedAt: at(0) });
      expect(conditionsOf(patch)).toEqual([
        'Admitted=True Admitted',
        'Ready=False PoolExhausted',
        'Reconciling=True PoolExhausted',
      ]);
    }
  });
});

describe('an ended session', () => {
  it('is not ready, and was admitted', () => {
    const status = merged(undefined, readyStatus(facts()));
    const patch = endedStatus(session({}, status), nowMs + 1_000, { reason: 'IdleTimeout', admittedAtMs: startMs });
    expect(patch).toMatchObject({ phase: 'Ended', endReason: 'IdleTimeout', endedAt: at(2_000), admittedAt: at(500) });
    expect(conditionsOf(patch)).toEqual([
      'Admitted=True Admitted',
      'SandboxReady=False IdleTimeout',
      'Isolated=False LocalProcess',
      'Ended=True IdleTimeout',
    ]);
    expect(patch.conditions?.map((c) => c.lastTransitionTime)).toEqual([at(1_000), at(2_000), at(1_000), at(2_000)]);
  });

  it.each(endReasons.filter((reason) => reason !== 'IdleTimeout' && reason !== 'LifetimeExceeded'))(
    'by %s has failed, for whoever waits for it',
    (reason) => {
      const waiting = session({}, merged(undefined, waitingStatus(session(), nowMs, { reason: 'Queued' })));
      expect(conditionsOf(endedStatus(waiting, nowMs, { reason }))).toEqual([
        `Admitted=False ${reason}`,
        `Ready=False ${reason}`,
        `SandboxReady=False ${reason}`,
        `Stalled=True ${reason}`,
        `Ended=True ${reason}`,
      ]);
    },
  );

  it.each(['IdleTimeout', 'LifetimeExceeded'] as const)('by %s is neither ready nor on its way', (reason) => {
    const waiting = session({}, merged(undefined, waitingStatus(session(), nowMs, { reason: 'Queued' })));
    const types = endedStatus(waiting, nowMs, { reason }).conditions?.map((c) => c.type);
    expect(types).toEqual(['Admitted', 'SandboxReady', 'Ended']);
  });

  it('that had a slot before any write said so does not deny it', () => {
    const patch = endedStatus(session(), nowMs, { reason: 'SandboxFailed', admittedAtMs: startMs });
    expect(patch.admittedAt).toBe(at(0));
    expect(conditionsOf(patch)[0]).toBe('Admitted=True Admitted');
  });

  it('that was refused says by which numbers', () => {
    const quota = { limit: 2, current: 2 };
    const patch = endedStatus(session(), nowMs, { reason: 'ConcurrencyLimitReached', quota });
    expect(merged(undefined, patch)).toMatchObject({ phase: 'Ended', quota });
    expect(patch).not.toHaveProperty('admittedAt');
    expect(conditionsOf(patch)[0]).toBe('Admitted=False ConcurrencyLimitReached');
  });

  it('tells in its own words what the general sentence cannot', () => {
    const patch = endedStatus(session(), nowMs, { reason: 'CapabilityUnavailable', message: 'No stealth yet.' });
    expect(patch.conditions?.map((c) => c.message)).toEqual(Array(5).fill('No stealth yet.'));
  });
});

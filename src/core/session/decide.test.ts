import { describe, expect, it } from 'vitest';
import { account, agentStatus, pod, pool, session, startMs } from '../../../test/support/objects.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { Condition } from '../../api/v1alpha1/kind.ts';
import { formatTime } from '../../lib/time.ts';
import type { SessionDecision } from './action.ts';
import { decideSession } from './decide.ts';
import type { SessionInput } from './input.ts';

const at = (offsetMs: number): string => formatTime(startMs + offsetMs);

function input(over: Partial<SessionInput> = {}): SessionInput {
  return {
    nowMs: startMs + 1_000,
    session: session(),
    account: account(),
    pool: pool(),
    quota: { kind: 'free' },
    behindOthers: false,
    admittedAtMs: undefined,
    leadingSinceMs: startMs,
    supply: { reservable: true, room: true },
    sandbox: undefined,
    sandboxExpected: false,
    refusal: undefined,
    endingSandboxes: 0,
    binding: { state: 'none' },
    discarded: 0,
    spent: 0,
    lastActiveAtMs: undefined,
    hasIdledOut: false,
    wasUsed: undefined,
    upstream: undefined,
    upstreamSeenAtMs: undefined,
    traffic: undefined,
    silence: undefined,
    heardAtMs: undefined,
    isAsked: false,
    unexplainedSinceMs: undefined,
    ...over,
  };
}

const sandbox = (kind: Parameters<typeof pod>[0], over = {}): SessionInput['sandbox'] => ({
  pod: pod(kind, 'p', over),
  isUnschedulable: kind === 'unschedulable',
  hasFailed: kind === 'failed' || kind === 'crashed',
  isRecorded: false,
  isLabelled: kind === 'claimed',
});
const withStatus = (kind: Parameters<typeof pod>[0], status: Pod['status']): SessionInput['sandbox'] => {
  const given = sandbox(kind);
  return given && { ...given, pod: { ...given.pod, status: { ...status } } };
};
const container = { name: 'browser', image: '', imageID: '', ready: false, restartCount: 0 };
const lost = (reason: string) =>
  withStatus('ending', { conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] });
const outOfMemory = withStatus('crashed', {
  containerStatuses: [{ ...container, state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }],
});
const withoutImage = withStatus('starting', {
  containerStatuses: [{ ...container, state: { waiting: { reason: 'ErrImagePull', message: 'i/o timeout' } } }],
});
const noClass = { reason: 'RuntimeClassNotFound', isFinal: true } as const;
const noClassSaid = { message: 'The RuntimeClass of the pool does not exist. The pool says more.' };
const noRoom = { reason: 'QuotaExceeded', isFinal: true } as const;
const failing = { trouble: noClass, forMs: 4_000 };
const ownPod = { ownerReferences: [{ apiVersion: '', kind: '', name: 's', uid: 'uid-s' }] };
const starting = { quota: { kind: 'held' }, admittedAtMs: startMs } as const;
const saysReady = {
  phase: 'Ready',
  observedGeneration: 1,
  cdpUrl: 'wss://cdp/sessions/uid-s',
  liveViewUrl: 'https://live/uid-s',
  sandbox: { podName: 'p', podUID: 'uid-p', node: 'n', warm: true },
  admittedAt: at(0),
  readyAt: at(0),
  conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: at(0) }],
} as const satisfies Partial<BrowserSession['status']>;
const readySession = (status: object = {}): BrowserSession =>
  session({}, { ...saysReady, conditions: [...saysReady.conditions], ...status });
const ready = { ...starting, session: readySession(), sandbox: sandbox('claimed') } as const;
const silentFor = (ms: number): SessionInput['silence'] => ({
  sinceMs: startMs + 1_000 - ms,
  untilMs: startMs + 1_000,
});
/** As the node controller leaves it, or with the reason that a kubelet gives. */
const unready = (reason?: string): SessionInput['sandbox'] =>
  withStatus('claimed', {
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: at(0), ...(reason && { reason }) }],
  });
const cutOff = { ...ready, sandbox: unready() } as const;
const tolerant = (tolerationSeconds?: number): SessionInput['pool'] =>
  pool({
    template: { tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', tolerationSeconds }] },
  });
const killed = (status: Pod['status'] = { phase: 'Running' }): SessionInput['sandbox'] =>
  withStatus('crashed', {
    ...status,
    containerStatuses: [{ ...container, state: { terminated: { exitCode: 137, reason: 'Error' } } }],
  });
const withIdleTimeout = (idleTimeoutMs: number): SessionInput['session'] =>
  session({ idleTimeoutMs }, { ...readySession().status });
const demanding = (requirements: object): Partial<SessionInput> => ({ pool: pool({ template: { requirements } }) });
const weakAgent = { ...agentStatus, browser: { ...agentStatus.browser, sandboxed: false } };
const isBound = { state: 'bound', agent: weakAgent, wasWarm: true } as const;
const queued = session({ onQuotaExceeded: 'Queue' });
const full = { kind: 'full', limit: 3, current: 3 } as const;
const surplus = { kind: 'surplus', limit: 3, current: 4 } as const;
const aboveLimit = { quota: { limit: 3, current: 4 } };
const end = (reason: string, extra: object = {}): object => ({ action: { type: 'end', reason, ...extra } });
const untilStart = { next: { afterMs: 30_000, because: 'startup deadline' } };
const untilStartNow = { next: { afterMs: 29_000, because: 'startup deadline' } };
const wait = (reason: string): object => ({
  action: { type: 'wait', reason },
  next: { afterMs: 86_399_000, because: 'maximum lifetime' },
});
const does = (type: string): object => ({ action: { type } });

const edited = (status: object): Partial<SessionInput> => ({
  ...ready,
  session: readySession(status),
  sandbox: ready.sandbox && { ...ready.sandbox, isRecorded: true },
});

const usedWithin = (useWithin: string): typeof ready => {
  const { metadata } = ready.session;
  const noted = { ...metadata, annotations: { 'porthole.dev/use-within-ms': useWithin } };
  return { ...ready, session: { ...ready.session, metadata: noted } };
};
const unused = usedWithin('15000');
const asksForUse = {
  action: { type: 'endIfUnused' },
  next: { afterMs: 1_000, because: 'the agent did not answer' },
};

type Row = readonly [name: string, given: Partial<SessionInput>, expected: object];

const rows: Record<string, readonly Row[]> = {
  'a session whose own sandbox no watch has shown yet': [
    ['takes no other one', { ...starting, sandboxExpected: true }, untilStartNow],
    [
      'fails with it at the startup deadline',
      { ...starting, sandboxExpected: true, nowMs: startMs + 30_000 },
      end('SandboxFailed'),
    ],
  ],
  'a session that was admitted above the limit by another operator': [
    ['ends while it starts', { ...starting, quota: surplus }, end('ConcurrencyLimitReached', aboveLimit)],
    ['ends though it is ready', { ...ready, quota: surplus }, end('ConcurrencyLimitReached', aboveLimit)],
    [
      'stays what it is once it has ended',
      { quota: surplus, session: session({}, { phase: 'Ended', endedAt: at(1_000) }) },
      { next: { afterMs: 300_000, because: 'ttlSecondsAfterEnded' } },
    ],
  ],
  'a new session': [
    ['takes a sandbox that is there', {}, { ...does('reserve'), ...untilStart }],
    [
      'makes one where none is there',
      { supply: { reservable: false, room: true } },
      { ...does('createSandbox'), ...untilStart },
    ],
    [
      'goes on with the one that was made for it before a restart, whatever else there is',
      { sandbox: sandbox('claimed', ownPod), supply: { reservable: true, room: false } },
      { ...does('createSandbox'), ...untilStart },
    ],
    [
      'makes none where the last ones died while starting, and says so at once',
      { supply: { reservable: false, room: true, failing } },
      end('SandboxFailed', noClassSaid),
    ],
    [
      'waits until the pool tries again, when it may wait',
      { session: queued, supply: { reservable: false, room: true, failing } },
      { action: { type: 'wait', reason: 'SandboxesFail' }, next: { afterMs: 4_000, because: 'the pool may do again' } },
    ],
    [
      'takes one that is there all the same',
      { supply: { reservable: true, room: true, failing } },
      { ...does('reserve'), ...untilStart },
    ],
    ['is told that the pool is exhausted', { supply: { reservable: false, room: false } }, end('PoolExhausted')],
    [
      'waits for room when it may wait',
      { session: queued, supply: { reservable: false, room: false } },
      wait('PoolExhausted'),
    ],
    [
      'is refused above the limit, with the numbers',
      { quota: full },
      end('ConcurrencyLimitReached', { quota: { limit: 3, current: 3 } }),
    ],
    ['queues above the limit when it may wait', { session: queued, quota: full }, wait('Queued')],
    ['does not overtake an older one in the queue', { session: queued, behindOthers: true }, wait('Queued')],
    ['passes the queue when it must be answered now', { behindOthers: true }, { ...does('reserve'), ...untilStart }],
    ['ends without its account', { account: undefined }, end('AccountNotFound')],
    ['waits for its account when it may wait', { session: queued, account: undefined }, wait('AccountNotFound')],
    ['ends without its pool', { pool: undefined }, end('PoolNotFound')],
    [
      'is refused a pool that its account may not use',
      { session: session({ poolRef: { name: 'big' } }), account: account({ limits: { pools: ['default'] } }) },
      end('PoolNotFound'),
    ],
    ['ends when its life is over before it began', { nowMs: startMs + 86_400_000 }, end('LifetimeExceeded')],
    [
      'waits no longer than it may live, even for its account',
      { session: queued, account: undefined, nowMs: startMs + 86_400_000 },
      end('LifetimeExceeded'),
    ],
    [
      'waits until its own maximum lifetime',
      { session: session({ onQuotaExceeded: 'Queue', maxLifetimeMs: 5_000 }), quota: full },
      { action: { type: 'wait', reason: 'Queued' }, next: { afterMs: 4_000, because: 'maximum lifetime' } },
    ],
  ],
  'an admitted session': [
    [
      'goes on waiting for its binding until the startup deadline',
      { ...starting, sandbox: sandbox('claimed'), binding: { state: 'running' } },
      { next: { afterMs: 29_000, because: 'startup deadline' } },
    ],
    [
      'ends at the startup deadline',
      { ...starting, nowMs: startMs + 30_000, binding: { state: 'running' } },
      end('SandboxFailed'),
    ],
    [
      'is not held to a deadline that ran while nobody led',
      {
        ...starting,
        nowMs: startMs + 31_000,
        leadingSinceMs: startMs + 30_000,
        sandbox: sandbox('claimed'),
        binding: { state: 'running' },
      },
      { next: { afterMs: 29_000, because: 'startup deadline' } },
    ],
    [
      'is ready once bound',
      { ...starting, sandbox: sandbox('claimed'), binding: { state: 'bound', agent: agentStatus, wasWarm: true } },
      { action: { type: 'markReady', agent: agentStatus, wasWarm: true } },
    ],
    [
      'takes another sandbox when its warm one is weaker than the pool demands',
      { ...starting, ...demanding({ isolation: 'SeparateKernel' }), sandbox: sandbox('warm'), binding: isBound },
      { action: { type: 'discardSandbox', message: expect.stringContaining('demands SeparateKernel') as string } },
    ],
    [
      'ends when the sandbox made for it is weaker than the pool demands',
      { ...starting, ...demanding({ browserSandbox: true }), sandbox: sandbox('warm', ownPod), binding: isBound },
      {
        action: {
          type: 'end',
          reason: 'SandboxFailed',
          message: expect.stringContaining('its pool demands it') as string,
        },
      },
    ],
    [
      'is ready in a sandbox that is all that the pool demands',
      {
        ...starting,
        ...demanding({ isolation: 'None', browserSandbox: false }),
        sandbox: sandbox('warm'),
        binding: isBound,
      },
      { action: { type: 'markReady', agent: weakAgent, wasWarm: true } },
    ],
    [
      'takes another sandbox when its warm one is spent',
      { ...starting, sandbox: sandbox('warm'), binding: { state: 'failed', why: 'spent', message: 'm' } },
      { action: { type: 'discardSandbox', message: 'm' } },
    ],
    [
      'gives up after three useless sandboxes',
      {
        ...starting,
        sandbox: sandbox('warm'),
        discarded: 3,
        binding: { state: 'failed', why: 'unusable', message: 'm' },
      },
      end('SandboxFailed'),
    ],
    [
      'goes on though many were spent by an operator that died',
      { ...starting, sandbox: sandbox('warm'), spent: 19, binding: { state: 'failed', why: 'spent', message: 'm' } },
      { action: { type: 'discardSandbox', message: 'm' } },
    ],
    [
      'gives up when all there are refuse it',
      { ...starting, sandbox: sandbox('warm'), spent: 20, binding: { state: 'failed', why: 'spent', message: 'm' } },
      end('SandboxFailed'),
    ],
    [
      'gives up at once when no sandbox could do what it asks for, and says what',
      { ...starting, sandbox: sandbox('warm'), binding: { state: 'failed', why: 'capability', message: 'No ffmpeg.' } },
      { action: { type: 'end', reason: 'CapabilityUnavailable', message: 'No ffmpeg.' } },
    ],
    [
      'gives up at once when the sandbox made for it fails',
      { ...starting, sandbox: sandbox('failed', ownPod) },
      end('SandboxFailed', { message: 'The sandbox ends while it starts. The pool says more.' }),
    ],
    [
      'says at the deadline what kept its sandbox',
      { ...starting, nowMs: startMs + 30_000, sandbox: withoutImage },
      end('SandboxFailed', { message: 'The image of the sandbox is not to be had on its node. The pool says more.' }),
    ],
    [
      'ends at once when the API server refuses its Pod',
      { ...starting, refusal: noClass },
      end('SandboxFailed', noClassSaid),
    ],
    ['is told of a used-up quota as of a full pool', { ...starting, refusal: noRoom }, end('PoolExhausted')],
    [
      'looks for room in a quota again, when it may wait',
      { ...starting, session: queued, refusal: noRoom },
      {
        action: { type: 'wait', reason: 'PoolExhausted' },
        next: { afterMs: 15_000, because: 'the pool may do again' },
      },
    ],
    [
      'takes another when its warm one died before use',
      { ...starting, sandbox: sandbox('crashed') },
      { action: { type: 'discardSandbox', message: 'its browser died while starting' } },
    ],
    ['binds its own sandbox when that has an address', { ...starting, sandbox: sandbox('claimed') }, does('bind')],
    [
      'waits for the address of its sandbox',
      { ...starting, sandbox: sandbox('starting') },
      { next: { afterMs: 29_000, because: 'startup deadline' } },
    ],
    [
      'ends when no node has room for its sandbox',
      { ...starting, sandbox: sandbox('unschedulable') },
      end('PoolExhausted'),
    ],
    [
      'waits a moment when room is about to be free',
      { ...starting, sandbox: sandbox('unschedulable'), endingSandboxes: 1 },
      { next: { afterMs: 250, because: 'waiting for room on a node' } },
    ],
    ['reserves again after a discard', { ...starting }, { ...does('reserve'), ...untilStartNow }],
    [
      'waits for room again after a discard, until the startup deadline',
      { ...starting, session: queued, supply: { reservable: false, room: false } },
      { action: { type: 'wait', reason: 'PoolExhausted' }, ...untilStartNow },
    ],
    [
      'takes another when its warm one went while it was bound',
      { ...starting, binding: { state: 'bound', agent: agentStatus, wasWarm: true } },
      { action: { type: 'discardSandbox', message: 'it is gone' } },
    ],
    [
      'takes another when its warm one is being deleted, though its agent says yes',
      { ...starting, sandbox: sandbox('ending'), binding: { state: 'bound', agent: agentStatus, wasWarm: true } },
      { action: { type: 'discardSandbox', message: 'it is being deleted' } },
    ],
    [
      'waits on while no node has room when it may wait',
      { ...starting, session: queued, sandbox: sandbox('unschedulable') },
      { action: { type: 'wait', reason: 'PoolExhausted' }, ...untilStartNow },
    ],
    [
      'is looked at when its life ends before the startup deadline',
      { ...starting, session: session({ maxLifetimeMs: 3_000 }), sandbox: sandbox('starting') },
      { next: { afterMs: 2_000, because: 'startup deadline' } },
    ],
  ],
  'a ready session': [
    [
      'labels its sandbox when the burst that it may be part of is over',
      { ...ready, sandbox: sandbox('warm'), nowMs: startMs + 400 },
      { next: { afterMs: 600, because: 'its pod will say whose it is' } },
    ],
    [
      'labels its sandbox then',
      { ...ready, sandbox: sandbox('warm'), nowMs: startMs + 1_000 + 1_000 },
      does('labelSandbox'),
    ],
    [
      'looks again when it can be idle at the earliest',
      ready,
      { next: { afterMs: 899_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'asks the agent when the idle timeout falls due',
      { ...ready, nowMs: startMs + 900_000 },
      { action: { type: 'endIfIdle' }, next: { afterMs: 1_000, because: 'the agent did not answer' } },
    ],
    ['ends once the agent found it idle', { ...ready, hasIdledOut: true }, end('IdleTimeout')],
    [
      'says that it was idle even when its sandbox has gone by then',
      { ...ready, hasIdledOut: true, sandbox: undefined },
      end('IdleTimeout'),
    ],
    [
      'counts from the last activity that the agent told of',
      { ...ready, nowMs: startMs + 900_000, lastActiveAtMs: startMs + 890_000 },
      { next: { afterMs: 890_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'goes on though its pool demands more by now than it did',
      { ...ready, ...demanding({ isolation: 'VirtualMachine' }), binding: isBound },
      { next: { afterMs: 899_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'asks at once when a shorter timeout has passed already',
      { ...ready, session: withIdleTimeout(1_000), nowMs: startMs + 900_000, lastActiveAtMs: startMs + 890_000 },
      { action: { type: 'endIfIdle' }, next: { afterMs: 1_000, because: 'the agent did not answer' } },
    ],
    [
      'is held to the longest timeout of its account',
      { ...ready, account: account({ limits: { maxIdleTimeoutMs: 5_000 } }) },
      { next: { afterMs: 4_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'acknowledges an edited spec',
      { ...ready, session: { ...ready.session, metadata: { ...ready.session.metadata, generation: 2 } } },
      does('noteSpec'),
    ],
    [
      'ends at its maximum lifetime, idle or not',
      { ...ready, nowMs: startMs + 86_400_000, lastActiveAtMs: startMs + 86_400_000 },
      end('LifetimeExceeded'),
    ],
    ['ends when its sandbox is gone', { ...ready, sandbox: undefined }, end('SandboxLost')],
    ['ends when its sandbox is being deleted', { ...ready, sandbox: sandbox('ending') }, end('SandboxLost')],
    ['ends when its node is given up', { ...ready, sandbox: lost('DeletionByTaintManager') }, end('NodeLost')],
    ['ends when it is evicted', { ...ready, sandbox: lost('EvictionByEvictionAPI') }, end('Evicted')],
    ['ends when its memory is used up', { ...ready, sandbox: outOfMemory }, end('OutOfMemory')],
    ['ends when its browser died', { ...ready, sandbox: sandbox('crashed') }, end('BrowserCrashed')],
    ['ends when its agent is silent for ten seconds', { ...ready, silence: silentFor(10_000) }, end('SandboxLost')],
    [
      'bears a shorter silence',
      { ...ready, silence: silentFor(9_999) },
      { next: { afterMs: 899_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'bears a silence that nobody has asked into for long',
      { ...ready, silence: silentFor(2_000), nowMs: startMs + 600_000 },
      { next: { afterMs: 300_000, because: 'idle timeout or maximum lifetime' } },
    ],
  ],
  'a ready session whose Pod is not Ready any more': [
    [
      'is left to Kubernetes for as long as it bears the trouble of a node',
      { ...cutOff, nowMs: startMs + 29_000 },
      { next: { afterMs: 1_000, because: 'idle timeout or maximum lifetime' } },
    ],
    ['is asked after then', { ...cutOff, nowMs: startMs + 30_000 }, does('askForSign')],
    [
      'is asked after when the tolerations of its pool are over',
      { ...cutOff, pool: tolerant(120), nowMs: startMs + 119_000 },
      { next: { afterMs: 1_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'is never asked after where its pool bears that for ever',
      { ...cutOff, pool: tolerant(undefined), nowMs: startMs + 600_000 },
      { next: { afterMs: 300_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'is asked after once at a time',
      { ...cutOff, isAsked: true, nowMs: startMs + 30_000 },
      { next: { afterMs: 870_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'lives on while its agent answers, and is asked after again',
      { ...cutOff, heardAtMs: startMs + 30_000, nowMs: startMs + 31_000 },
      { next: { afterMs: 9_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'is asked after again in a second when its agent is silent',
      { ...cutOff, silence: { sinceMs: startMs + 30_000, untilMs: startMs + 32_000 }, nowMs: startMs + 32_000 },
      { next: { afterMs: 1_000, because: 'idle timeout or maximum lifetime' } },
    ],
    ['ends when its agent is silent for ten seconds', { ...cutOff, silence: silentFor(10_000) }, end('NodeLost')],
    [
      'ends so as well when its kubelet was the last to speak, but nobody knows of the node',
      { ...cutOff, sandbox: unready('ContainersNotReady'), silence: silentFor(10_000) },
      end('SandboxLost'),
    ],
    [
      'is asked after whoever said that it is not Ready',
      { ...cutOff, sandbox: unready('ContainersNotReady'), nowMs: startMs + 30_000 },
      does('askForSign'),
    ],
  ],
  'a ready session whose browser was told to end, or killed': [
    ['remembers since when nobody says why', { ...ready, sandbox: killed() }, does('noteUnexplained')],
    [
      'waits for the word of its node',
      { ...ready, sandbox: killed(), unexplainedSinceMs: startMs },
      { next: { afterMs: 4_000, because: 'its node may say why' } },
    ],
    [
      'ends as the node says',
      { ...ready, sandbox: killed({ phase: 'Failed', reason: 'Evicted' }), unexplainedSinceMs: startMs },
      end('Evicted'),
    ],
    [
      'ends at once when the Pod has ended as well, and its node has not said why',
      { ...ready, sandbox: killed({ phase: 'Failed' }), unexplainedSinceMs: startMs },
      end('BrowserCrashed'),
    ],
    [
      'ends when its node says nothing',
      { ...ready, sandbox: killed(), unexplainedSinceMs: startMs - 4_000 },
      end('BrowserCrashed'),
    ],
    ['ends at once where its memory was used up', { ...ready, sandbox: outOfMemory }, end('OutOfMemory')],
  ],
  'a ready session that somebody must use in time': [
    ['is asked after when the time is up', { ...unused, nowMs: startMs + 16_000 }, asksForUse],
    [
      'is looked at again by then',
      { ...unused, nowMs: startMs + 5_000 },
      { next: { afterMs: 10_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'is asked after but once',
      { ...unused, nowMs: startMs + 16_000, wasUsed: true },
      { next: { afterMs: 884_000, because: 'idle timeout or maximum lifetime' } },
    ],
    [
      'is not looked at for that any more once it was used',
      { ...unused, nowMs: startMs + 5_000, wasUsed: true },
      { next: { afterMs: 895_000, because: 'idle timeout or maximum lifetime' } },
    ],
    ['is deleted when nobody has used it', { ...unused, wasUsed: false }, does('deleteSession')],
    [
      'is deleted then even when its sandbox has gone by then',
      { ...unused, wasUsed: false, sandbox: undefined },
      does('deleteSession'),
    ],
    [
      'is a session like any other where the time is none',
      { ...usedWithin('soon'), nowMs: startMs + 16_000 },
      { next: { afterMs: 884_000, because: 'idle timeout or maximum lifetime' } },
    ],
  ],
  'a ready session whose status somebody has edited': [
    ['is asked after again when its phase was taken back', edited({ phase: 'Pending' }), does('confirm')],
    ['is asked after again when its status is empty', { ...edited({}), session: session() }, does('confirm')],
    [
      'is asked after again when it names another pod',
      edited({ sandbox: { ...saysReady.sandbox, podUID: 'x' } }),
      does('confirm'),
    ],
    ['is asked after again when its URL is gone', edited({ cdpUrl: '' }), does('confirm')],
    ['is asked after again when its condition was changed', edited({ conditions: [] }), does('confirm')],
    [
      'waits for the answer',
      { ...edited({ phase: 'Pending' }), binding: { state: 'running' } },
      { next: { afterMs: 10_000, because: 'the agent is asked' } },
    ],
    [
      'is Ready again when the agent says so, however long ago it was admitted',
      {
        ...edited({ phase: 'Pending' }),
        nowMs: startMs + 600_000,
        binding: { state: 'bound', agent: agentStatus, wasWarm: true },
      },
      { action: { type: 'markReady', agent: agentStatus, wasWarm: true } },
    ],
    [
      'ends when the agent denies it',
      { ...edited({ phase: 'Pending' }), binding: { state: 'failed', why: 'spent', message: 'm' } },
      end('SandboxLost'),
    ],
    [
      'ends when it says Ready and never had a sandbox',
      { session: readySession(), quota: { kind: 'free' } },
      end('SandboxLost'),
    ],
  ],
  'an ended session': [
    [
      'that somebody else has ended gets the rest of its status',
      { session: session({}, { phase: 'Ended' }) },
      end('SandboxLost'),
    ],
    [
      'stays for its ttl',
      { session: session({}, { phase: 'Ended', endedAt: at(0) }) },
      { next: { afterMs: 299_000, because: 'ttlSecondsAfterEnded' } },
    ],
    ['is deleted after it', { session: session({}, { phase: 'Ended', endedAt: at(-300_000) }) }, does('deleteSession')],
    [
      'never comes back, whatever else there is',
      { session: session({ ttlSecondsAfterEnded: 0 }, { phase: 'Ended', endedAt: at(0) }), sandbox: sandbox('warm') },
      does('deleteSession'),
    ],
  ],
};

describe.each(Object.entries(rows))('%s', (_stage, table) => {
  it.each(table)('%s', (_name, given, expected) => {
    expect(decideSession(input(given))).toEqual<SessionDecision>(expected);
  });
});

describe('capabilities', () => {
  const wanting = (...allowed: string[]): Partial<SessionInput> => ({
    session: session({ capabilities: ['stealth', 'recording'] }),
    account: account({ limits: { capabilities: allowed } }),
  });

  it('end the session where its account may not use them, and say which', () => {
    expect(decideSession(input(wanting('stealth'))).action).toMatchObject({
      type: 'end',
      reason: 'CapabilityUnavailable',
      message: expect.stringContaining('capability recording.') as string,
    });
  });

  it('are no concern where it may use them, or may use all', () => {
    expect(decideSession(input(wanting('recording', 'stealth'))).action).not.toMatchObject({ type: 'end' });
    const unlimited = input({ session: session({ capabilities: ['recording'] }) });
    expect(decideSession(unlimited).action).not.toMatchObject({ type: 'end' });
  });
});

describe('upstream proxies', () => {
  const probing = { state: 'probing' } as const;
  const refusing = { state: 'failed', problem: 'authentication_failed' } as const;
  const given = (over: Partial<SessionInput>, said: readonly Condition[] = []): SessionInput => {
    const now = { ...saysReady, conditions: [...saysReady.conditions, ...said] };
    const proxied = session({ proxyUrlSecretRef: { name: 'n', key: 'k' } }, now);
    return input({ session: proxied, sandbox: sandbox('claimed'), ...over });
  };
  const said = (reason: string): Condition[] => [
    { type: 'ProxyReady', status: 'False', reason, message: '', lastTransitionTime: at(0) },
  ];
  const nowMs = startMs + 1_000;

  it('are looked at once the sandbox has had a moment, and again until it knows', () => {
    expect(decideSession(given({})).action).toEqual({ type: 'lookAtUpstream' });
    const again = decideSession(given({ upstream: probing, upstreamSeenAtMs: nowMs - 1_000 }));
    expect(again.action).toEqual({ type: 'lookAtUpstream' });
    const soon = decideSession(given({ upstream: probing, upstreamSeenAtMs: nowMs - 400 }));
    expect(soon).toEqual({ next: { afterMs: 600, because: expect.any(String) as string } });
  });

  it('are told of when there is news, and only then', () => {
    const news = { upstream: refusing, upstreamSeenAtMs: nowMs } as const;
    expect(decideSession(given(news)).action).toEqual({ type: 'noteUpstream' });
    expect(decideSession(given(news, said('UpstreamUnreachable'))).action).toEqual({ type: 'noteUpstream' });
    expect(decideSession(given(news, said('UpstreamAuthenticationFailed')))).toMatchObject({
      next: { afterMs: 15_000 },
    });
  });

  it('are no concern of a session without one', () => {
    const plain = input({ session: session({}, saysReady), sandbox: sandbox('claimed') });
    expect(decideSession(plain).action).toBeUndefined();
  });
});

import type { BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { classifySandbox } from '../core/pods/classify.ts';
import type { SandboxSettings } from '../core/pods/sandbox-pod.ts';
import type { SessionEvent } from '../core/session/events.ts';
import type { SessionInput } from '../core/session/input.ts';
import type { PublicUrls } from '../core/session/status.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import { startController, type Controller, type ControllerHooks } from '../kube/controller/controller.ts';
import { settled } from '../kube/controller/outcome.ts';
import type { Change, EventRecorder, Reconcile } from '../kube/controller/port.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';
import type { AgentClient } from '../sandbox/port.ts';
import { startAcceptance } from './acceptance/start.ts';
import { reconcileAccount } from './account/reconcile.ts';
import { startBlobCollection } from './extension/collect-blobs.ts';
import { startPolicies } from './policy/start.ts';
import { PoolHistories } from './pool/history.ts';
import { reconcilePool } from './pool/reconcile.ts';
import { collectSandboxes, type CollectDeps } from './sandbox/collect.ts';
import { startRecordings } from './recording/start.ts';
import { startOrphanSweep } from './sandbox/orphan-sweep.ts';
import type { ApplyDeps } from './session/apply.ts';
import { lookForSign } from './session/ask.ts';
import { Bindings } from './session/bindings.ts';
import { SessionMemory } from './session/memory.ts';
import { OwnWrites } from './session/own-writes.ts';
import { reconcileSession } from './session/reconcile.ts';
import type { TrafficHooks } from './session/traffic.ts';
import { StatusPace } from './status-pace.ts';
import { createWorld, poolNameOf, type World } from './world.ts';
import { wakeNext, wireEvents, type Queues } from './wiring.ts';

export interface OperatorOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly agents: AgentClient;
  /** Where the bytes of extensions lie. */
  readonly blobs: BlobStore;
  readonly urls: PublicUrls;
  readonly settings: SandboxSettings;
  /** HMAC key of the tokens in URLs. */
  readonly tokenKey: Buffer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 10 characters of [a-z0-9], for names of warm sandboxes. */
  readonly randomSuffix: () => string;
  readonly hooks?: OperatorHooks;
  /**
   * Asked right before this operator grants, promises, makes or deletes anything: whether it certainly is the only one still. Once
   * it says no, nothing more is done: the process is ending. Default: always.
   */
  readonly mayGrant?: () => boolean;
  /** Who tells people what happens; default: nobody. */
  readonly events?: EventRecorder;
}

export interface OperatorHooks extends ControllerHooks, TrafficHooks {
  /** A session became ready so many milliseconds after it was admitted. */
  sessionReady?(facts: { readonly pool: string; readonly wasWarm: boolean; readonly afterMs: number }): void;
}

export interface Operator extends AsyncDisposable {
  /** Resolves once every informer has its first list and the controllers run. */
  readonly started: Promise<void>;
  /** Monotonic ms since which every kind has been heard of: for readiness. */
  readonly lastContactMs: number;
}

const sessionConcurrency = 64;
/** Agents that are asked at once whether they are there still. More would make each other late, and a late answer is none. */
const signConcurrency = 256;

/** All controllers of Porthole over one store. At most one of them may run on a store at a time: quota is decided here. */
export function startOperator(options: OperatorOptions): Operator {
  const stop = new AbortController();
  const { store, namespace, clock, logger, agents, settings } = options;
  const mayGrant = options.mayGrant ?? (() => true);
  const writes = new OwnWrites();
  const wake = ({ metadata }: BrowserSession): void => queues.sessions.add(metadata);
  const world = createWorld({ store, namespace, clock, logger, signal: stop.signal, writes, onSurplus: wake });
  const memory = new SessionMemory();
  const histories = new PoolHistories();
  const bindings = new Bindings(agents, (uid) => {
    const session = world.sessions.byUid(uid);
    if (session) wake(session);
  });
  const controller = fencedControllers(options, mayGrant);

  const onDeparture = (uid: string): void => queues.departures.add({ namespace, name: uid });
  const recordings = startRecordings({ ...options, world, writes, controller, mayGrant, onDone: onDeparture });
  const sessionDeps: ApplyDeps & CollectDeps = {
    ...options,
    ...{ world, bindings, histories, memory, writes, mayGrant, recordings },
    leadingSinceMs: clock.now(),
    tell: (input, event) => tell(options.events, input, event),
    onTurn: (account) => wakeNext({ world, memory, queues }, { account }),
    onDeparture,
    onClaim: (pool, wasWarm) => {
      histories.claimed(pool, wasWarm, clock.monotonic());
      queues.pools.add({ namespace, name: pool });
    },
    onSignDue: ({ metadata }) => signs.add(metadata),
    onSign: wake,
    onReady: (input, wasWarm) => reportReady(options, input, wasWarm),
  };
  const waitingSessions = (): number => bindings.running;
  const poolDeps = { ...options, mayGrant, world, histories, settings, waitingSessions, pace: new StatusPace(clock) };
  const accountDeps = { store, world, clock, pace: new StatusPace(clock) };

  const sessions = controller('session', (key) => reconcileSession(sessionDeps, key), sessionConcurrency);
  const pools = controller('pool', (key) => reconcilePool(poolDeps, key), 4);
  const accounts = controller('account', (key) => reconcileAccount(accountDeps, key), 4);
  const departures = controller('departure', (key) => collectSandboxes(sessionDeps, key.name), 16);
  const signs = controller('sign', (key) => lookForSign(sessionDeps, key), signConcurrency);
  const queues: Queues = { sessions, pools, accounts, departures };
  world.onPodChange((change) => greetWarm(agents, change));
  const started = world.synced.then(() => wireEvents({ world, memory, histories, clock, queues, namespace }));
  // Whoever waits hears of an end before the start; nobody has to wait.
  started.catch(() => undefined);

  const beside = [...startBeside({ ...options, world, mayGrant, signal: stop.signal, controller }), recordings];
  const sweeping = startOrphanSweep({ world, store, clock, logger, namespace, departures, mayGrant });

  return {
    started,
    get lastContactMs() {
      return world.lastContactMs;
    },
    async [Symbol.asyncDispose]() {
      sweeping[Symbol.dispose]();
      for (const session of world.sessions.list()) bindings.forget(session.metadata.uid);
      await Promise.all([sessions, pools, accounts, departures, signs, ...beside].map((c) => c[Symbol.asyncDispose]()));
      stop.abort();
    },
  };
}

interface Side extends OperatorOptions {
  readonly world: World;
  readonly mayGrant: () => boolean;
  readonly signal: AbortSignal;
  readonly controller: StartController;
}

/** What looks after everything but sessions, pools and accounts. */
function startBeside(side: Side): readonly AsyncDisposable[] {
  return [startPolicies({ ...side, ...side.settings }), startAcceptance(side), startBlobCollection(side)];
}

function reportReady(
  { hooks, clock }: OperatorOptions,
  { session, account, nowMs, admittedAtMs }: SessionInput,
  wasWarm: boolean,
): void {
  const afterMs = clock.now() - (admittedAtMs ?? nowMs);
  hooks?.sessionReady?.({ pool: poolNameOf(session, account), wasWarm, afterMs });
}

type StartController = (name: string, reconcile: Reconcile, concurrency: number) => Controller;

/** Controllers that do nothing any more once `mayGrant` says no. */
function fencedControllers({ clock, logger, hooks }: OperatorOptions, mayGrant: () => boolean): StartController {
  return (name, reconcile, concurrency) =>
    startController({
      ...{ name, concurrency, clock, logger, ...(hooks && { hooks }) },
      // In the same turn as the reading, the decision and the promise that follow.
      reconcile: (key, signal) => (mayGrant() ? reconcile(key, signal) : Promise.resolve(settled)),
    });
}

function tell(events: EventRecorder | undefined, input: SessionInput, event: SessionEvent | undefined): void {
  if (!event) return;
  const { about, ...facts } = event;
  const related = input.sandbox?.pod;
  const object = { session: input.session, account: input.account, pool: input.pool }[about];
  if (object) events?.record(object, { ...facts, ...(related && { related }) });
}

const greetDeadlineMs = 5_000;

/** Off the critical path: the session that takes the sandbox finds the connection to its agent open. */
function greetWarm(agents: AgentClient, change: Change<Pod>): void {
  const { object: pod, type } = change;
  const podIp = pod.status?.podIP;
  if (type !== 'changed' || !podIp || classifySandbox(pod) !== 'warm' || classifySandbox(change.previous) === 'warm')
    return;
  void agents.greet({ podIp }, AbortSignal.timeout(greetDeadlineMs));
}

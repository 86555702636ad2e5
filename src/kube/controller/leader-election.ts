import { isDeepStrictEqual } from 'node:util';
import { sleep, type Clock } from '../../lib/clock.ts';
import type { Lease } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NewObject, ObjectKey } from '../../lib/object-meta.ts';
import { formatMicroTime } from '../../lib/time.ts';
import { leases } from '../builtins.ts';
import { isStoreError } from '../store-error.ts';
import type { Store } from '../store.ts';

/** client-go's names and defaults: https://pkg.go.dev/k8s.io/client-go/tools/leaderelection#LeaderElectionConfig */
export interface LeaseTimings {
  /** How long others wait, after the record last changed, before they take the lease. Default 15,000; whole seconds. */
  readonly leaseDurationMs: number;
  /** The holder stops acting when its last successful renewal was sent so long ago. Default 10,000. */
  readonly renewDeadlineMs: number;
  /** Between two attempts. Default 2,000. */
  readonly retryPeriodMs: number;
}

export interface LeaderElectionOptions {
  readonly store: Store;
  readonly lease: ObjectKey;
  /** Unique to this start of this process: whoever bears the holder's identity takes the lease for its own. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timings?: Partial<LeaseTimings>;
  /** A source of [0, 1): candidates must not march in step. Default Math.random. */
  readonly random?: () => number;
}

/** A time of leadership: it begins once and ends once. */
export interface Term {
  /**
   * Whether the lease certainly still holds, by this machine's monotonic clock: asked right before whatever only a leader may do.
   * What was asked for in time and arrives late has `leaseDurationMs - renewDeadlineMs` to arrive before anybody else can lead.
   */
  holds(): boolean;
  /** Aborts when the lease is lost, and then for good: the process should end. Not when the election is disposed. */
  readonly lost: AbortSignal;
  /** How often the lease has changed hands. */
  readonly transitions: number;
}

export type ElectionState = 'standby' | 'leading' | 'lost' | 'ended';

/** Disposing gives the lease up, if it is held: the caller has stopped all that only a leader may do by then. */
export interface LeaderElection extends AsyncDisposable {
  /** Resolves when this candidate leads; rejects when it is disposed before. */
  readonly elected: Promise<Term>;
  readonly state: ElectionState;
  /** Identity of the holder as last seen; undefined: nobody, or not seen yet. */
  readonly holder: string | undefined;
  /** Monotonic ms of the last answer of the store. */
  readonly lastContactMs: number;
}

const defaultTimings: LeaseTimings = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };
/** Share of the period by which attempts are spread. */
const jitter = 0.2;
/** A request that hangs is given up in time for another try before the deadline. */
const triesInDeadline = 2;

/** Competes for a Lease as client-go does; candidates of client-go and of this may share one. */
export function startLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const timings = { ...defaultTimings, ...options.timings };
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timings;
  if (leaseDurationMs <= renewDeadlineMs || renewDeadlineMs <= retryPeriodMs * (1 + jitter))
    throw new Error('leaseDurationMs must exceed renewDeadlineMs, and that the retry period with its jitter');
  return new Candidate(options, timings);
}

/** The record as last seen here, and when it was first seen to be so. */
interface Observed {
  readonly lease: Lease;
  readonly sinceMs: number;
}

class Candidate implements LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #timings: LeaseTimings;
  readonly #log: Logger;
  readonly #elected = Promise.withResolvers<Term>();
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #state: ElectionState = 'standby';
  #observed: Observed | undefined;
  /** Monotonic ms until which nobody else can hold the lease, with the margin taken off. */
  #holdsUntilMs = -Infinity;
  #deadline: Disposable | undefined;
  /** Attempts are numbered, so that the late answer of one that was given up changes nothing. */
  #attempt = 0;
  #lastContactMs: number;

  constructor(options: LeaderElectionOptions, timings: LeaseTimings) {
    this.#options = options;
    this.#timings = timings;
    const { lease, identity, clock } = options;
    this.#log = options.logger.child({ lease: lease.name, identity });
    this.#lastContactMs = clock.monotonic();
    // Whoever waits hears of an end before the election; nobody has to wait.
    this.#elected.promise.catch(() => undefined);
    this.#loop = this.#run();
  }

  get elected(): Promise<Term> {
    return this.#elected.promise;
  }

  get state(): ElectionState {
    return this.#state;
  }

  get holder(): string | undefined {
    return holderOf(this.#observed?.lease) || undefined;
  }

  get lastContactMs(): number {
    return this.#lastContactMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#elected.reject(new Error('the election was ended before it was won'));
    await this.#loop;
    this.#deadline?.[Symbol.dispose]();
    // Also what was won just now, when nobody wanted it any more.
    const mayRelease = this.#state !== 'lost' && this.#options.clock.monotonic() < this.#holdsUntilMs;
    if (this.#state !== 'lost') this.#state = 'ended';
    if (mayRelease) await this.#release();
  }

  async #run(): Promise<void> {
    const { clock, random = Math.random } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted && this.#state !== 'lost') {
      const nextMs = clock.monotonic() + this.#timings.retryPeriodMs * (1 + jitter * random());
      await this.#try();
      await sleep(clock, nextMs - clock.monotonic(), signal);
    }
  }

  /** One attempt. A store that does not answer holds up neither the next attempt nor the deadline. */
  async #try(): Promise<void> {
    const { clock } = this.#options;
    const number = ++this.#attempt;
    const over = new AbortController();
    const attempt = this.#takeOrRenew(number)
      .catch((err: unknown) => this.#failed(err))
      .finally(() => over.abort());
    const patienceMs = this.#timings.renewDeadlineMs / triesInDeadline;
    await Promise.race([attempt, sleep(clock, patienceMs, over.signal)]);
    if (!over.signal.aborted) this.#attempt += 1;
  }

  #failed(err: unknown): void {
    // Somebody else was faster: that is how one of several wins.
    if (isStoreError(err, 'Conflict', 'AlreadyExists')) this.#log.debug({ err }, 'the lease has changed meanwhile');
    else this.#log.warn({ err }, 'no contact with the lease: trying again');
  }

  async #takeOrRenew(number: number): Promise<void> {
    if (this.#state === 'leading' && this.#observed && (await this.#renewAsSeen(this.#observed.lease, number))) return;
    const lease = await this.#options.store.get(leases, this.#options.lease);
    if (!this.#isCurrent(number)) return;
    if (lease) this.#see(lease);
    else this.#observed = undefined;
    if (lease && this.#belongsToOther(lease)) {
      if (this.#state === 'leading') this.#lose('another candidate holds the lease');
      return;
    }
    await this.#write(lease, number);
  }

  /** The usual case costs one request. False: the record is not as last seen. */
  async #renewAsSeen(lease: Lease, number: number): Promise<boolean> {
    try {
      await this.#write(lease, number);
      return true;
    } catch (error) {
      if (!isStoreError(error, 'Conflict', 'NotFound')) throw error;
      return !this.#isCurrent(number);
    }
  }

  /** A holder that may still act keeps others away, whatever its clock says: only how long ago the record changed counts. */
  #belongsToOther(lease: Lease): boolean {
    const { clock, identity } = this.#options;
    const holder = holderOf(lease);
    if (holder === '' || holder === identity) return false;
    if (this.#state === 'leading') return true;
    const durationMs = (lease.spec.leaseDurationSeconds ?? 0) * 1000 || this.#timings.leaseDurationMs;
    return clock.monotonic() < (this.#observed?.sinceMs ?? 0) + durationMs;
  }

  /** Creates the lease, or replaces the very version that was read: of several that try, one succeeds. */
  async #write(lease: Lease | undefined, number: number): Promise<void> {
    const { store, clock, identity, lease: key } = this.#options;
    const sentMs = clock.monotonic();
    const renewTime = formatMicroTime(clock.now());
    const isOurs = holderOf(lease) === identity;
    const spec: Lease['spec'] = {
      ...lease?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#timings.leaseDurationMs / 1000),
      acquireTime: (isOurs ? lease?.spec.acquireTime : undefined) ?? renewTime,
      renewTime,
      leaseTransitions: lease ? (lease.spec.leaseTransitions ?? 0) + (isOurs ? 0 : 1) : 0,
    };
    const written = lease
      ? await store.update(leases, { ...lease, spec })
      : await store.create(leases, { ...pickType, metadata: key, spec } satisfies NewObject<Lease>);
    if (!this.#isCurrent(number)) return;
    this.#see(written);
    this.#renewed(sentMs);
  }

  #isCurrent(number: number): boolean {
    return number === this.#attempt && this.#state !== 'lost' && this.#state !== 'ended';
  }

  #see(lease: Lease): void {
    const { clock } = this.#options;
    this.#lastContactMs = clock.monotonic();
    const before = this.#observed;
    // The record is what counts: a label that somebody edits is no sign of life.
    const isSame = before !== undefined && isDeepStrictEqual(before.lease.spec, lease.spec);
    this.#observed = { lease, sinceMs: isSame ? before.sinceMs : clock.monotonic() };
  }

  #renewed(sentMs: number): void {
    const untilMs = sentMs + this.#timings.renewDeadlineMs;
    const isLate = this.#options.clock.monotonic() >= untilMs;
    // A term that has lapsed is not revived: somebody else may have led since.
    if (this.#state === 'leading' && (isLate || !this.#holds())) this.#lose('the renewal came too late');
    if (isLate || this.#state === 'lost') return;
    this.#holdsUntilMs = untilMs;
    this.#startDeadline();
    if (this.#state === 'standby') this.#begin();
  }

  /** On the clock and waiting for no answer: a hanging request must not make a leader of two. */
  #startDeadline(): void {
    const { clock } = this.#options;
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = clock.schedule(this.#holdsUntilMs - clock.monotonic(), () => {
      if (this.#state === 'leading') this.#lose('the lease could not be renewed in time');
    });
  }

  #begin(): void {
    if (this.#stop.signal.aborted) return;
    this.#state = 'leading';
    const transitions = this.#observed?.lease.spec.leaseTransitions ?? 0;
    this.#log.info({ transitions }, 'this process leads');
    this.#elected.resolve({ holds: () => this.#holds(), lost: this.#lost.signal, transitions });
  }

  #holds(): boolean {
    return this.#state === 'leading' && this.#options.clock.monotonic() < this.#holdsUntilMs;
  }

  #lose(because: string): void {
    this.#state = 'lost';
    this.#deadline?.[Symbol.dispose]();
    this.#log.error({ because }, 'the lease is lost');
    this.#lost.abort(new Error(`the lease is lost: ${because}`));
  }

  /** So that a standby need not wait for the lease to expire. Best effort: it expires anyway. */
  async #release(): Promise<void> {
    const { store, clock } = this.#options;
    const lease = this.#observed?.lease;
    if (!lease) return;
    const now = formatMicroTime(clock.now());
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
    const over = new AbortController();
    const released = store
      .update(leases, { ...lease, spec })
      .then(
        () => this.#log.info('the lease is given up'),
        (err: unknown) => this.#log.warn({ err }, 'the lease could not be given up: it will expire'),
      )
      .finally(() => over.abort());
    await Promise.race([released, sleep(clock, this.#timings.retryPeriodMs, over.signal)]);
  }
}

const pickType = { apiVersion: leases.apiVersion, kind: leases.kind };

function holderOf(lease: Lease | undefined): string {
  return lease?.spec.holderIdentity ?? '';
}

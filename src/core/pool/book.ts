import { classifySandbox, type SandboxState } from '../pods/classify.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { Pod } from '../../lib/kubernetes.ts';

/** One sandbox as the book knows it. */
export interface SandboxEntry {
  readonly pod: Pod;
  readonly pool: string;
  readonly state: SandboxState;
  /** The session it was reserved for, before any write shows it. */
  readonly reservedFor?: string;
  /** That session's own status has named it: it has served clients, whatever the status says by now. */
  readonly isRecorded?: true;
  /** It was usable once. */
  readonly wasWarm?: true;
  /** Its deletion was asked for and granted; a watch may not show it yet. */
  readonly isDeleted?: true;
}

export interface PoolCounts {
  readonly starting: number;
  readonly unschedulable: number;
  readonly warm: number;
  /** Claimed or reserved. */
  readonly claimed: number;
  readonly failed: number;
  readonly ending: number;
}

const spareStates = ['warm', 'starting', 'unschedulable', 'failed'] as const;
const nothing: PoolCounts = { starting: 0, unschedulable: 0, warm: 0, claimed: 0, failed: 0, ending: 0 };

/**
 * The sandboxes of all pools with what has been promised and not yet been written. A claim costs the same in a pool of
 * ten and of ten thousand: nothing here walks more of a pool than its {@link spare} part.
 */
export class PoolBook {
  readonly #byUid = new Map<string, SandboxEntry>();
  readonly #bySession = new Map<string, string>();
  readonly #pools = new Map<string, Map<SandboxState, Map<string, SandboxEntry>>>();

  /**
   * Takes note of a pod as a watch shows it. Labels are taken at their word once: a pod never changes its pool or its session,
   * and whoever edits the labels changes neither.
   */
  observe(pod: Pod): SandboxEntry {
    const before = this.#byUid.get(pod.metadata.uid);
    const said = readLabels(pod);
    const pool = before?.pool ?? said.pool;
    const reservedFor = before?.reservedFor ?? said.sessionUid;
    const isGivenUp = before?.state === 'ending' || isOutside(said.pool, pool, reservedFor);
    const seen = classifySandbox(pod);
    return this.#put({
      ...before,
      pod,
      pool,
      ...(seen === 'warm' && { wasWarm: true }),
      // Given up is given up: an older event may still show it alive.
      state: isGivenUp ? 'ending' : stateWith(since(before, seen), reservedFor),
      ...(reservedFor && { reservedFor }),
    });
  }

  /** The pod is gone. */
  forget(podUid: string): void {
    const entry = this.#byUid.get(podUid);
    if (!entry) return;
    this.#unlink(entry);
    this.#byUid.delete(podUid);
    if (entry.reservedFor && this.#bySession.get(entry.reservedFor) === podUid)
      this.#bySession.delete(entry.reservedFor);
  }

  /** The session's own status says that the pod is its. */
  assign(podUid: string, sessionUid: string): void {
    const entry = this.#byUid.get(podUid);
    const isFree = (entry?.reservedFor ?? sessionUid) === sessionUid;
    // A status is edited by hand at times: it takes no sandbox from another session, and gives none up.
    if (!entry || !isFree || (this.#bySession.get(sessionUid) ?? podUid) !== podUid) return;
    this.#put({ ...entry, state: stateWith(entry.state, sessionUid), reservedFor: sessionUid, isRecorded: true });
  }

  /** Promises the pool's longest-warm sandbox to the session; else the one that has been starting longest. */
  reserve(pool: string, sessionUid: string): SandboxEntry | undefined {
    const entry = this.first(pool, 'warm') ?? this.first(pool, 'starting');
    return entry && this.#put({ ...entry, state: stateWith(entry.state, sessionUid), reservedFor: sessionUid });
  }

  /** The session's sandbox is of no use: nobody gets it any more, and the session may reserve another. */
  discard(sessionUid: string): SandboxEntry | undefined {
    const entry = this.ofSession(sessionUid);
    this.#bySession.delete(sessionUid);
    return entry && this.#put({ pod: entry.pod, pool: entry.pool, state: 'ending' });
  }

  /** A spare sandbox is about to be deleted: nobody gets it any more. Undefined when it is not known. */
  retire(podUid: string): Pod | undefined {
    const entry = this.#byUid.get(podUid);
    return entry && this.#put({ ...entry, state: 'ending' }).pod;
  }

  /** The store has taken note of its deletion. */
  deleted(podUid: string): void {
    const entry = this.#byUid.get(podUid);
    if (entry) this.#put({ ...entry, isDeleted: true });
  }

  isDeleted(podUid: string): boolean {
    return this.#byUid.get(podUid)?.isDeleted ?? false;
  }

  ofSession(sessionUid: string): SandboxEntry | undefined {
    return this.#byUid.get(this.#bySession.get(sessionUid) ?? '');
  }

  /** The session that the pod was promised to. */
  sessionOf(podUid: string): string | undefined {
    return this.#byUid.get(podUid)?.reservedFor;
  }

  /** The pool that the pod was made for; undefined when it is not known. */
  poolOf(podUid: string): string | undefined {
    return this.#byUid.get(podUid)?.pool;
  }

  stateOf(podUid: string): SandboxState | undefined {
    return this.#byUid.get(podUid)?.state;
  }

  first(pool: string, state: SandboxState): SandboxEntry | undefined {
    return this.#pools.get(pool)?.get(state)?.values().next().value;
  }

  counts(pool: string): PoolCounts {
    const counts = { ...nothing };
    for (const [state, entries] of this.#pools.get(pool) ?? []) counts[state] = entries.size;
    return counts;
  }

  /** Sandboxes of the pool that are on their way out. */
  ending(pool: string): Iterable<SandboxEntry> {
    return this.#pools.get(pool)?.get('ending')?.values() ?? [];
  }

  /** Those that nobody has and nobody has given up. Costs what they are, however many are claimed. */
  spare(pool: string): readonly SandboxEntry[] {
    const states = this.#pools.get(pool);
    return spareStates.flatMap((state) => [...(states?.get(state)?.values() ?? [])]).filter((e) => !e.reservedFor);
  }

  #put(entry: SandboxEntry): SandboxEntry {
    const uid = entry.pod.metadata.uid;
    const before = this.#byUid.get(uid);
    // An order kept by insertion: an entry that stays in its state keeps its place.
    if (before && (before.state !== entry.state || before.pool !== entry.pool)) this.#unlink(before);
    this.#byUid.set(uid, entry);
    if (entry.reservedFor) this.#bySession.set(entry.reservedFor, uid);
    const pool = getOrMake(this.#pools, entry.pool, () => new Map<SandboxState, Map<string, SandboxEntry>>());
    getOrMake(pool, entry.state, () => new Map<string, SandboxEntry>()).set(uid, entry);
    return entry;
  }

  #unlink(entry: SandboxEntry): void {
    this.#pools.get(entry.pool)?.get(entry.state)?.delete(entry.pod.metadata.uid);
  }
}

function readLabels({ metadata }: Pod): { readonly pool: string; readonly sessionUid: string | undefined } {
  return { pool: metadata.labels?.[labels.pool] ?? '', sessionUid: metadata.labels?.[labels.sessionUid] };
}

/** A spare one without its label is outside of its policy. */
function isOutside(said: string, pool: string, reservedFor: string | undefined): boolean {
  return reservedFor === undefined && said !== pool;
}

/** Usable once and not any more: a browser that hangs, a node that is lost. It is no starting one, which somebody might wait for. */
function since(before: SandboxEntry | undefined, seen: SandboxState): SandboxState {
  return seen === 'starting' && before?.wasWarm && !before.reservedFor ? 'failed' : seen;
}

function stateWith(seen: SandboxState, reservedFor: string | undefined): SandboxState {
  return reservedFor && (seen === 'warm' || seen === 'starting') ? 'claimed' : seen;
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

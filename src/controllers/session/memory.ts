import type { Trouble } from '../../core/pods/trouble.ts';
import { prolongSilence, type Silence } from '../../core/session/silence.ts';
import type { TrafficTotals, UpstreamReport } from '../../api/agent/wire.ts';

/** What the operator knows of a session and writes nowhere: it can be found out again. */
export interface SessionNotes {
  readonly discarded: number;
  readonly spent?: number;
  /** Epoch milliseconds, as far as the agent has told. */
  readonly lastActiveAtMs?: number;
  readonly silence?: Silence;
  /** The agent was asked whether it is there still, and was (epoch milliseconds); it is being asked. */
  readonly heardAtMs?: number;
  readonly isAsked?: boolean;
  /** Since when its browser has ended and nobody says why, epoch milliseconds. */
  readonly unexplainedSinceMs?: number;
  /** Name of the Secret that was made for it. */
  readonly bindingName?: string;
  /** The agent has ended it for want of activity and takes nobody any more. */
  readonly hasIdledOut?: boolean;
  /** The API server did not take the Pod of a sandbox for it. */
  readonly refusal?: Trouble | undefined;
  /** The agent was asked whether anybody has used it; it has ended one that nobody has. */
  readonly wasUsed?: boolean;
  /** Of its proxy, as the sandbox last told, and when that was (epoch milliseconds); absent: it was not asked yet. */
  readonly upstream?: UpstreamReport;
  readonly upstreamSeenAtMs?: number;
  /** As the sandbox last told. */
  readonly traffic?: TrafficTotals;
  /** Whose traffic that is. */
  readonly account?: string;
}

const blank: SessionNotes = { discarded: 0 };

/** Notes by session uid, and who waits. */
export class SessionMemory {
  readonly #notes = new Map<string, SessionNotes>();
  readonly #waiting = new Set<string>();

  of(sessionUid: string): SessionNotes {
    return this.#notes.get(sessionUid) ?? blank;
  }

  note(sessionUid: string, change: Partial<SessionNotes>): void {
    this.#notes.set(sessionUid, { ...this.of(sessionUid), ...change });
  }

  /** The agent has answered: it was last active then, as far as it has told. */
  answered(sessionUid: string, lastActiveAtMs: number | undefined): void {
    const { silence: _answered, ...rest } = this.of(sessionUid);
    this.#notes.set(sessionUid, { ...rest, ...(lastActiveAtMs !== undefined && { lastActiveAtMs }) });
  }

  /** A call to the agent, from its begin to its end, was in vain. */
  unanswered(sessionUid: string, call: Silence, unreadyAtMs: number | undefined): void {
    this.note(sessionUid, { silence: prolongSilence(this.of(sessionUid).silence, call, unreadyAtMs) });
  }

  forget(sessionUid: string): void {
    this.#notes.delete(sessionUid);
    this.#waiting.delete(sessionUid);
  }

  /** It waits for a slot, for room, or for its account or pool to be made. */
  waits(sessionUid: string): void {
    this.#waiting.add(sessionUid);
  }

  proceeds(sessionUid: string): void {
    this.#waiting.delete(sessionUid);
  }

  waiting(): Iterable<string> {
    return this.#waiting;
  }
}

import type { AgentStatus, TrafficTotals, UpstreamReport } from '../../api/agent/wire.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import type { Trouble } from '../pods/trouble.ts';
import type { QuotaAnswer } from '../quota/ledger.ts';
import type { Silence } from './silence.ts';

/** How far the call that gives a sandbox to the session has come. */
export type Binding =
  | { readonly state: 'none' }
  | { readonly state: 'running' }
  | { readonly state: 'bound'; readonly agent: AgentStatus; readonly wasWarm: boolean }
  /**
   * spent: the sandbox serves somebody else or has ended; unusable: no browser came up in it, or it does not answer; capability: it
   * cannot do what the session asks for, and no other one could.
   */
  | { readonly state: 'failed'; readonly why: 'spent' | 'unusable' | 'capability'; readonly message: string };

/** What the pool has to offer at this moment. */
export interface Supply {
  /** A warm or starting sandbox that nobody has. */
  readonly reservable: boolean;
  /** Whether one more sandbox stays below the pool's ceiling. */
  readonly room: boolean;
  /** Sandboxes of the pool have died while starting, again and again: for so many milliseconds none is made. */
  readonly failing?: { readonly trouble: Trouble; readonly forMs: number } | undefined;
}

/** The sandbox reserved for the session, or recorded in its status. */
export interface OwnSandbox {
  readonly pod: Pod;
  readonly isUnschedulable: boolean;
  readonly hasFailed: boolean;
  /** The session was Ready with it, whatever its status says by now. */
  readonly isRecorded: boolean;
  /** The pod says whose it is: label, owner, and that nobody may evict it. */
  readonly isLabelled: boolean;
}

/** Everything that a session's decision may look at, read at one instant. */
export interface SessionInput {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly session: BrowserSession;
  readonly account: BrowserAccount | undefined;
  readonly pool: BrowserPool | undefined;
  readonly quota: QuotaAnswer;
  /** Whether an older session of the account waits for what this one wants: the slot, or room in the same pool. */
  readonly behindOthers: boolean;
  /** When the slot was granted; absent: not yet. */
  readonly admittedAtMs: number | undefined;
  /** Since when this operator decides. What a session waited for before, it cannot hold against its sandbox. */
  readonly leadingSinceMs: number;
  readonly supply: Supply;
  readonly sandbox: OwnSandbox | undefined;
  /** One was asked for, for this session alone, and no watch has shown it yet. */
  readonly sandboxExpected: boolean;
  /** Why the API server did not take the Pod that was to be made for this session. */
  readonly refusal: Trouble | undefined;
  /** Sandboxes of the pool that are on their way out and will leave room on the machine; counted when this one has none. */
  readonly endingSandboxes: number;
  readonly binding: Binding;
  /** Sandboxes that turned out to be of no use to this session so far, but for those that serve another one. */
  readonly discarded: number;
  /** Sandboxes that looked warm and serve another session or have ended: a predecessor bound them and could not say so. */
  readonly spent: number;
  /** When the session was last active, as far as the agent has told; epoch milliseconds. */
  readonly lastActiveAtMs: number | undefined;
  /** The agent found the session idle and has ended it. */
  readonly hasIdledOut: boolean;
  /** Whether anybody has used the session, as far as the agent was asked. It has ended one that nobody has. */
  readonly wasUsed: boolean | undefined;
  /** How the session's upstream proxy fares, as far as the sandbox has told, and when it was last asked; epoch milliseconds. */
  readonly upstream: UpstreamReport | undefined;
  readonly upstreamSeenAtMs: number | undefined;
  /** As far as the sandbox has told. */
  readonly traffic: TrafficTotals | undefined;
  /** The agent did not answer; undefined: it did, or was not asked. */
  readonly silence: Silence | undefined;
  /** When the agent was last asked whether it is there still, and was; epoch milliseconds. */
  readonly heardAtMs: number | undefined;
  /** It is being asked that. */
  readonly isAsked: boolean;
  /** Since when this operator has seen that the browser has ended and nobody says why; epoch milliseconds. */
  readonly unexplainedSinceMs: number | undefined;
}

import type { AgentStatus } from '../../api/agent/wire.ts';
import type { EndReason } from '../../api/v1alpha1/browser-session.ts';
import type { WaitReason } from './reasons.ts';

/** What a session needs next. `apply` is an exhaustive switch over it. */
export type SessionAction =
  /** Final: write why, free the quota, delete the sandbox. */
  | {
      readonly type: 'end';
      readonly reason: EndReason;
      readonly message?: string;
      readonly quota?: { readonly limit: number; readonly current: number };
    }
  /** Say in the status what it waits for. */
  | { readonly type: 'wait'; readonly reason: WaitReason }
  /** Charge the account, take a sandbox that is there and bind it. */
  | { readonly type: 'reserve' }
  /** Charge the account and make a sandbox for this session alone. */
  | { readonly type: 'createSandbox' }
  /** Ask the agent of the session's own sandbox. */
  | { readonly type: 'bind' }
  /** Give the sandbox up and take another. */
  | { readonly type: 'discardSandbox'; readonly message: string }
  | { readonly type: 'markReady'; readonly agent: AgentStatus; readonly wasWarm: boolean }
  /** The spec was edited: the status says that this is known, and what it means for the session's end. */
  | { readonly type: 'noteSpec' }
  /** The status has lost what it said: ask the agent once more whom it serves, and say it again. */
  | { readonly type: 'confirm' }
  /** Well off the critical path: the pod says whose it is, and dies with its session whatever happens. */
  | { readonly type: 'labelSandbox' }
  /** End the session unless it was active within its timeout. */
  | { readonly type: 'endIfIdle' }
  /** Ask the sandbox how the session's upstream proxy fares. */
  | { readonly type: 'lookAtUpstream' }
  /** Say in the status how it fares. */
  | { readonly type: 'noteUpstream' }
  /** Ask the agent whether it is there still. Others go on meanwhile. */
  | { readonly type: 'askForSign' }
  /** Remember since when nobody says why the browser has ended. */
  | { readonly type: 'noteUnexplained' }
  /** End the session unless somebody has used it. */
  | { readonly type: 'endIfUnused' }
  | { readonly type: 'deleteSession' };

export interface SessionDecision {
  readonly action?: SessionAction;
  /** Look again after so many milliseconds if nothing happens before. */
  readonly next?: { readonly afterMs: number; readonly because: string };
}

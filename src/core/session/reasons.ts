import type { EndReason } from '../../api/v1alpha1/browser-session.ts';

/** Each end reason with the sentence its user reads: what happened, and what to do next. */
export const endMessages: Readonly<Record<EndReason, string>> = {
  IdleTimeout: 'No client was active for the idle timeout. Ask for a longer one, or keep a CDP client attached.',
  LifetimeExceeded: 'The session reached its maximum lifetime. Create a new one.',
  BrowserCrashed: 'The browser died and a used browser is never restarted. Create a new session.',
  SandboxLost: 'The sandbox is gone or does not answer. Create a new session.',
  NodeLost: 'The node of the sandbox is gone or does not answer. Create a new session.',
  Evicted: 'The node had to give the sandbox up: it is drained, or ran short of disk or memory. Create a new session.',
  OutOfMemory:
    'The browser took more memory than its pool allows. Create a new session, on a larger pool if there is one.',
  ConcurrencyLimitReached: "The account's concurrency limit is reached. End a session, or ask for a higher limit.",
  PoolExhausted: 'The pool has no sandbox left and no room for another. Try again later, or raise its ceiling.',
  SandboxFailed: 'No sandbox became usable by the startup deadline. Try again; the pool says more.',
  AccountNotFound: 'The account of accountRef does not exist. Create it first.',
  PoolNotFound: 'The pool of poolRef does not exist, or the account may not use it.',
  CapabilityUnavailable: 'The session asks for something that its sandbox cannot do. Remove it from the spec.',
};

/** Ends that are no failure: the session was used as long as it was meant to be. */
export const orderlyEnds: ReadonlySet<EndReason> = new Set<EndReason>(['IdleTimeout', 'LifetimeExceeded']);

/** Reasons of a session that waits, with their sentences. */
export const waitMessages = {
  Queued: 'Waiting for a free slot of the account.',
  AccountNotFound: 'Waiting for the account of accountRef to be created.',
  PoolNotFound: 'Waiting for the pool of poolRef to be created.',
  PoolExhausted: 'Waiting for room in the pool.',
  SandboxStarting: 'Waiting for a sandbox to become usable.',
  SandboxesFail: 'Waiting for the pool, whose sandboxes die while starting. The pool says why.',
} as const;
export type WaitReason = keyof typeof waitMessages;

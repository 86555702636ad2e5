import type { IdlePolicy } from '../../api/v1alpha1/browser-account.ts';
import type { Activity } from '../../api/agent/wire.ts';
import type { Clock } from '../../lib/clock.ts';

/** When somebody last used the session. All by the monotonic clock: a sandbox's wall clock may be set. */
export interface ActivityWatch {
  readonly policy: IdlePolicy;
  /** The session begins: from here on it is idle. */
  begin(policy: IdlePolicy): void;
  /** A client attached. Disposing says that it left; twice is once. */
  attach(): Disposable;
  /** Somebody did something. */
  touch(): void;
  read(): Activity;
  /** Whether anybody attached or did something since it began. */
  readonly isUsed: boolean;
  /** Whether nobody was active for so long. Never while an attached client counts as active. */
  isIdleFor(durationMs: number): boolean;
}

export function createActivityWatch(clock: Pick<Clock, 'monotonic'>): ActivityWatch {
  let policy: IdlePolicy = 'attached';
  let attachedClients = 0;
  let lastAt = clock.monotonic();
  let isUsed = false;
  const restart = (): void => void (lastAt = clock.monotonic());
  const touch = (): void => {
    isUsed = true;
    restart();
  };
  const isHeldByClients = (): boolean => policy === 'attached' && attachedClients > 0;
  const idleForMs = (): number => (isHeldByClients() ? 0 : Math.max(0, clock.monotonic() - lastAt));
  const leave = (): void => {
    attachedClients -= 1;
    // The clock starts when the last one leaves; where only messages count, leaving is none.
    if (policy === 'attached') touch();
  };
  return {
    get policy() {
      return policy;
    },
    begin: (chosen) => {
      policy = chosen;
      isUsed = attachedClients > 0;
      restart();
    },
    attach: () => {
      attachedClients += 1;
      isUsed = true;
      let isAttached = true;
      return {
        [Symbol.dispose]: () => {
          if (isAttached) leave();
          isAttached = false;
        },
      };
    },
    touch,
    get isUsed() {
      return isUsed;
    },
    read: () => ({ attachedClients, idleForMs: idleForMs() }),
    isIdleFor: (durationMs) => !isHeldByClients() && idleForMs() >= durationMs,
  };
}

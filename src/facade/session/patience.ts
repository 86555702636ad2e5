import type { Clock } from '../../lib/clock.ts';

/** Why a request stopped waiting. */
export type GaveUp = 'deadline' | 'clientGone' | 'shutdown';

/** How long a request waits: until its deadline, and only while its client and this process are there. */
export interface Patience extends Disposable {
  readonly signal: AbortSignal;
  /** Undefined while it lasts. */
  readonly gaveUp: GaveUp | undefined;
}

export interface PatienceOptions {
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly clientGone: AbortSignal;
  readonly shutdown: AbortSignal;
}

export function createPatience({ clock, deadlineMs, clientGone, shutdown }: PatienceOptions): Patience {
  const controller = new AbortController();
  let gaveUp: GaveUp | undefined;
  const end = (why: GaveUp): void => {
    gaveUp ??= why;
    controller.abort();
  };
  const onClientGone = (): void => end('clientGone');
  const onShutdown = (): void => end('shutdown');
  const deadline = clock.schedule(deadlineMs, () => end('deadline'));
  clientGone.addEventListener('abort', onClientGone);
  shutdown.addEventListener('abort', onShutdown);
  if (clientGone.aborted) onClientGone();
  if (shutdown.aborted) onShutdown();
  return {
    signal: controller.signal,
    get gaveUp() {
      return gaveUp;
    },
    [Symbol.dispose]: () => {
      deadline[Symbol.dispose]();
      clientGone.removeEventListener('abort', onClientGone);
      shutdown.removeEventListener('abort', onShutdown);
    },
  };
}

/** Runs `work` with a signal that aborts after `deadlineMs`. */
export async function withDeadline<T>(
  clock: Clock,
  deadlineMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  using _ = clock.schedule(deadlineMs, () => controller.abort());
  return await work(controller.signal);
}

import type { Clock } from '../../lib/clock.ts';

/** Whatever is in contact with the store, e.g. an informer. */
export interface Contact {
  /** Monotonic ms. */
  readonly lastContactMs: number;
}

/** What /readyz says of a process. */
export interface Readiness {
  /** Why it cannot serve; undefined when it can. */
  because(): string | undefined;
  /** What it does instead of serving; undefined: it serves. */
  set(because: string | undefined): void;
  /** Whether it serves, be its contact old or not. */
  readonly isServing: boolean;
  /** From now on it serves only as long as these have been in contact of late. */
  follow(contacts: Readonly<Record<string, Contact>>): void;
}

/**
 * A quiet watch is silent for up to two minutes, until the server's first bookmark. So contact that is older is lost. When all
 * replicas lose it at once, because the API server is gone, nobody is there to take them out of service: what is attached and what
 * is known goes on.
 */
export const staleAfterMs = 200_000;

export function createReadiness(clock: Pick<Clock, 'monotonic'>): Readiness {
  let reason: string | undefined = 'It starts.';
  const followed: Record<string, Contact> = {};
  const stale = (): string | undefined => {
    const names = Object.keys(followed).filter(
      (name) => clock.monotonic() - (followed[name]?.lastContactMs ?? 0) > staleAfterMs,
    );
    if (names.length === 0) return undefined;
    return `No contact with the API server for more than ${staleAfterMs / 1000} s: ${names.join(', ')}.`;
  };
  return {
    because: () => reason ?? stale(),
    set: (because) => void (reason = because),
    get isServing() {
      return reason === undefined;
    },
    follow: (contacts) => void Object.assign(followed, contacts),
  };
}

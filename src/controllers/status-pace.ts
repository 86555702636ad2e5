import type { Clock } from '../lib/clock.ts';

interface Pace {
  /** When what has changed is written; absent: nothing has since the last write. */
  dueMs?: number;
  writtenMs: number;
}

const everyMs = 1_000;

/**
 * When statuses that sum up many objects are written, by name: a second after the first change that they do not say, so that what
 * comes and goes meanwhile, as a short session does, costs nothing. All times monotonic milliseconds.
 */
export class StatusPace {
  readonly #clock: Clock;
  readonly #paces = new Map<string, Pace>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Milliseconds until the status of `name` may be written; 0: now. Asking makes it due. `isAwaited`: somebody waits for it, as for
   * a new spec to be acknowledged; then it is due at once, if it was not written a moment ago.
   */
  dueInMs(name: string, isAwaited: boolean): number {
    const pace = this.#paceOf(name);
    const nowMs = this.#clock.monotonic();
    pace.dueMs ??= nowMs + everyMs;
    return Math.max(0, (isAwaited ? pace.writtenMs + everyMs : pace.dueMs) - nowMs);
  }

  /** It says what there is to say: by itself, or since it is being written now. */
  said(name: string, how: 'already' | 'written'): void {
    const pace = this.#paceOf(name);
    delete pace.dueMs;
    if (how === 'written') pace.writtenMs = this.#clock.monotonic();
  }

  #paceOf(name: string): Pace {
    const known = this.#paces.get(name);
    if (known) return known;
    const fresh: Pace = { writtenMs: -Infinity };
    this.#paces.set(name, fresh);
    return fresh;
  }
}

/** Whether an object's status answers for an older spec, or for none. */
export function isUnacknowledged({
  metadata,
  status,
}: {
  readonly metadata: { readonly generation?: number };
  readonly status?: { readonly observedGeneration?: number | undefined } | undefined;
}): boolean {
  return status?.observedGeneration !== (metadata.generation ?? 1);
}

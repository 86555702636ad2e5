import type { Clock } from '../../lib/clock.ts';

interface Delay {
  readonly dueMs: number;
  readonly timer: Disposable;
}

/** Ids that come due later, each at most once. */
export class DelayedKeys implements Disposable {
  readonly #clock: Clock;
  readonly #onDue: (id: string) => void;
  readonly #delays = new Map<string, Delay>();

  constructor(clock: Clock, onDue: (id: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Due after `afterMs`, unless it comes due sooner already. */
  atLatest(id: string, afterMs: number): void {
    const planned = this.#delays.get(id);
    if (!planned || planned.dueMs > this.#clock.monotonic() + afterMs) this.replace(id, afterMs);
  }

  /** Due after `afterMs` and not before; undefined: not at all. */
  replace(id: string, afterMs: number | undefined): void {
    this.#delays.get(id)?.timer[Symbol.dispose]();
    this.#delays.delete(id);
    if (afterMs === undefined) return;
    const timer = this.#clock.schedule(afterMs, () => {
      this.#delays.delete(id);
      this.#onDue(id);
    });
    this.#delays.set(id, { dueMs: this.#clock.monotonic() + afterMs, timer });
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#delays.values()) timer[Symbol.dispose]();
    this.#delays.clear();
  }
}

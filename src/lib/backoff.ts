/** How long to wait before try number `attempt` (from 0). */
export type Backoff = (attempt: number) => number;

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** Full jitter when given (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): a source of [0, 1). */
  readonly random?: () => number;
}

/** base × 2^attempt, capped. */
export function createBackoff({ baseMs, capMs, random }: BackoffOptions): Backoff {
  return (attempt) => {
    const delayMs = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 52));
    return random ? delayMs * random() : delayMs;
  };
}

import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { RequestRecords } from './records.ts';

const sweepEveryMs = 60 * 60 * 1000;

export interface SweeperOptions {
  readonly records: RequestRecords;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Deletes records past their time, now and every hour: a facade that never lives so long shall not leave them. Replicas may sweep at once: each record goes only once. */
export function startSweeper({ records, clock, logger }: SweeperOptions): Disposable {
  let timer: Disposable;
  const sweep = async (): Promise<void> => {
    try {
      const removed = await records.sweep();
      if (removed > 0) logger.info({ removed }, 'old idempotency records removed');
    } catch (error) {
      logger.warn({ err: error }, 'idempotency records not swept; next try in an hour');
    }
  };
  const schedule = (): void => {
    timer = clock.schedule(sweepEveryMs, () => {
      void sweep();
      schedule();
    });
  };
  void sweep();
  schedule();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

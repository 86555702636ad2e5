/** What is being done for callers, connected or not: one who hung up has left a session to be removed. */
export interface InFlight {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when all that runs now has ended. */
  settled(): Promise<void>;
}

export function createInFlight(): InFlight {
  const running = new Set<Promise<unknown>>();
  return {
    run: async (work) => {
      const promise = work();
      running.add(promise);
      try {
        return await promise;
      } finally {
        running.delete(promise);
      }
    },
    settled: async () => {
      await Promise.allSettled(running);
    },
  };
}

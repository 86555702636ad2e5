/** Counts who looks at the sandbox's screen. To look on is no activity. */
export interface Audience {
  readonly size: number;
  /** Disposing says that he left; twice is once. */
  join(): Disposable;
}

export function createAudience(): Audience {
  const seats = new Set<symbol>();
  return {
    get size() {
      return seats.size;
    },
    join: () => {
      const seat = Symbol();
      seats.add(seat);
      return { [Symbol.dispose]: () => void seats.delete(seat) };
    },
  };
}

/** What the bench tells the chain's creator, and what it answers: one message each way, over the channel between processes. */
export interface ChainOrder {
  /** Chains in all. */
  readonly count: number;
  /** Chains under way at once. */
  readonly parallel: number;
  /** Before each of them, in milliseconds; not part of what is measured. */
  readonly pauseMs: number;
}

export interface ChainResult {
  /** Create sent → the creator's own watch shows the status, of each chain, in milliseconds. */
  readonly ms: readonly number[];
  /** From the first create to the last watch event, pauses and all. */
  readonly wholeMs: number;
}

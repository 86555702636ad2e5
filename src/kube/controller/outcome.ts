/** How a reconcile ends when it does not throw. A throw means: again, after the back-off. */
export type Outcome =
  { readonly kind: 'settled' } | { readonly kind: 'lookAgain'; readonly afterMs: number; readonly because: string };

/** Nothing to do until something changes. */
export const settled: Outcome = { kind: 'settled' };

/** Come back after `afterMs` even if nothing changes. */
export function lookAgain(afterMs: number, because: string): Outcome {
  return { kind: 'lookAgain', afterMs, because };
}

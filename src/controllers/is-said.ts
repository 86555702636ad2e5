import { isDeepStrictEqual } from 'node:util';

/** By value: an API server gives members back in an order of its own. */
export function isSaid<S extends object>(before: S | undefined, status: S): boolean {
  return before !== undefined && isDeepStrictEqual({ ...before, ...status }, { ...before });
}

import type { FieldProblem } from '../lib/resource.ts';

/** Reasons as in a Kubernetes Status: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export type StoreReason =
  'NotFound' | 'AlreadyExists' | 'Conflict' | 'Invalid' | 'Expired' | 'TooManyRequests' | 'Forbidden' | 'Unavailable';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly reason: StoreReason;
  readonly problems: readonly FieldProblem[];

  constructor(
    reason: StoreReason,
    message: string,
    options: { problems?: readonly FieldProblem[]; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.problems = options.problems ?? [];
  }
}

export function isStoreError(error: unknown, ...reasons: readonly StoreReason[]): error is StoreError {
  return error instanceof StoreError && (reasons.length === 0 || reasons.includes(error.reason));
}

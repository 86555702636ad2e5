import type { FieldProblem } from '../../lib/resource.ts';
import { StoreError, type StoreReason } from '../store-error.ts';

/** What of a Status is read: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
interface ApiStatus {
  readonly kind?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly field?: string; readonly message?: string; readonly reason?: string }[];
  };
}

/** Reasons that mean the same here. Others are told by the code: 409 alone may be either of two. */
const byReason: Readonly<Record<string, StoreReason>> = {
  NotFound: 'NotFound',
  AlreadyExists: 'AlreadyExists',
  Conflict: 'Conflict',
  Invalid: 'Invalid',
  BadRequest: 'Invalid',
  Expired: 'Expired',
  Gone: 'Expired',
  TooManyRequests: 'TooManyRequests',
  Forbidden: 'Forbidden',
  Unauthorized: 'Forbidden',
};

const byCode: Readonly<Record<number, StoreReason>> = {
  401: 'Forbidden',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
};

/** The server's data begin anew: a version that it has not reached belongs to an earlier life of it. */
const versionFromTheFuture = 'ResourceVersionTooLarge';

/** How the server refuses a patch that names another uid: as an attempt to change it. */
const expectedUid = 'metadata.uid';

function reasonOf(status: ApiStatus, code: number): StoreReason {
  const special = reasonByCause(status);
  const known = special ?? byReason[status.reason ?? ''] ?? byCode[code];
  return known ?? (code >= 400 && code < 500 ? 'Invalid' : 'Unavailable');
}

function reasonByCause({ details }: ApiStatus): StoreReason | undefined {
  const causes = details?.causes ?? [];
  if (causes.some(({ field }) => field === expectedUid)) return 'Conflict';
  return causes.some(({ reason }) => reason === versionFromTheFuture) ? 'Expired' : undefined;
}

function problemsOf({ details }: ApiStatus): readonly FieldProblem[] {
  return (details?.causes ?? []).map(({ field = '', message = '' }) => ({ field, message }));
}

/** `body` is what the server said: a Status, or whatever a proxy in between has to say. */
export function toStoreError(code: number, body: unknown): StoreError {
  const status = toStatus(body);
  const message = status.message ?? (typeof body === 'string' && body.trim() ? body.trim().slice(0, 500) : undefined);
  const reason = reasonOf(status, code);
  const problems = reason === 'Invalid' ? problemsOf(status) : [];
  return new StoreError(reason, message ?? `the API server answered ${code}`, { problems });
}

/** The Status of an ERROR event in a watch. */
export function eventToStoreError(object: unknown): StoreError {
  return toStoreError(toStatus(object).code ?? 500, object);
}

/** Whether a 404 speaks of this object; else the kind itself is not known to the server. */
export function isMissing(body: unknown, name: string): boolean {
  const { reason, details } = toStatus(body);
  return reason === 'NotFound' && details?.name === name;
}

function toStatus(body: unknown): ApiStatus {
  return typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status'
    ? (body as ApiStatus)
    : {};
}

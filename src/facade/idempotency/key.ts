import { hash } from 'node:crypto';
import { headers, idempotencyKeyForm, type OperationName } from '../../api/rest/paths.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { invalid } from '../http/validate.ts';

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/; any printable text is a key. */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (!idempotencyKeyForm.test(header))
    throw invalid([
      { path: `header.${headers.idempotencyKey}`, message: 'must be 1 to 255 printable ASCII characters' },
    ]);
  return header;
}

export interface KeyUse {
  readonly account: BrowserAccount;
  readonly operation: OperationName;
  readonly key: string;
}

/** Name of the record of this key: those of two accounts or operations never meet, and none can be read from it. */
export function recordName({ account, operation, key }: KeyUse): string {
  return `porthole-request-${hash('sha256', `${account.metadata.uid}\n${operation}\n${key}`)}`;
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .map(([name, member]) => [name, canonical(member)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The same for the same JSON, whatever its spacing and the order of its members; no body is the empty object. */
export function bodyHash(body: unknown): string {
  return hash('sha256', JSON.stringify(canonical(body === undefined ? {} : body)));
}

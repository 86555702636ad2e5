import { hash, timingSafeEqual } from 'node:crypto';
import { Problem } from '../../api/rest/problem.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { Informer } from '../../kube/controller/port.ts';

/** Name of the index that the informer of accounts must have: {@link apiKeyHashesOf}. */
export const apiKeyIndex = 'apiKeyHash';
export const apiKeyHashesOf = (account: BrowserAccount): readonly string[] => account.spec.apiKeyHashes;

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1: token68 after the scheme, which is case-insensitive. */
const bearerForm = /^bearer +([A-Za-z0-9._~+/-]{1,512}=*)$/i;
const challenge = 'Bearer realm="porthole"';

function refuse(message: string, parameters = ''): Problem {
  return new Problem('unauthorized', message, { headers: { 'www-authenticate': `${challenge}${parameters}` } });
}

function hasHash(account: BrowserAccount, digest: string): boolean {
  const given = Buffer.from(digest);
  return apiKeyHashesOf(account).some((known) => {
    const expected = Buffer.from(known);
    return expected.length === given.length && timingSafeEqual(expected, given);
  });
}

/** Authorization header → account; throws `unauthorized`. */
export type Authenticate = (authorization: string | undefined) => BrowserAccount;

export function createAuthenticate(accounts: Pick<Informer<BrowserAccount>, 'byIndex'>): Authenticate {
  return (authorization) => {
    if (authorization === undefined) throw refuse('Send your API key: Authorization: Bearer <key>.');
    const key = bearerForm.exec(authorization)?.[1];
    if (key === undefined) throw refuse('The Authorization header must be: Bearer <key>.', ', error="invalid_request"');
    const digest = hash('sha256', key);
    const account = accounts.byIndex(apiKeyIndex, digest).find((a) => hasHash(a, digest));
    if (!account || account.metadata.deletionTimestamp !== undefined)
      throw refuse('This API key is unknown.', ', error="invalid_token"');
    return account;
  };
}

import { Problem } from '../../api/rest/problem.ts';
import type { Operation } from '../http/exchange.ts';
import type { SessionLookup } from '../session/lookup.ts';
import type { RemoveSession } from '../session/removal.ts';

export interface DeleteSessionOptions {
  readonly lookup: SessionLookup;
  readonly remove: RemoveSession;
}

/** Of several DELETEs at once exactly one is answered 204. */
export function deleteSession({ lookup, remove }: DeleteSessionOptions): Operation {
  return async ({ id, account }) => {
    const result = await remove(await lookup.find(id, account));
    if (result === 'wasGone') throw new Problem('not_found', 'The session was deleted before.');
    return { status: 204, sessionId: id };
  };
}

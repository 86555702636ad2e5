import type { SessionList } from '../../api/rest/session.ts';
import type { Operation } from '../http/exchange.ts';
import type { SessionLookup } from '../session/lookup.ts';
import type { Sandboxes } from '../session/sandbox.ts';
import { factsOf, type Presenter } from '../session/view.ts';

export interface ListSessionsOptions {
  readonly lookup: SessionLookup;
  readonly sandboxes: Sandboxes;
  readonly presenter: Presenter;
}

export function listSessions({ lookup, sandboxes, presenter }: ListSessionsOptions): Operation {
  return async ({ account }) => {
    const sessions = await Promise.all(
      lookup.all(account).map(async (session) => {
        const expiresAtMs = await sandboxes.expiresAtMs(session, account);
        return presenter.session(factsOf({ session, account, expiresAtMs }));
      }),
    );
    return { status: 200, body: { sessions } satisfies SessionList };
  };
}

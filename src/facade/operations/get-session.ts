import type { SessionWithPages } from '../../api/rest/session.ts';
import type { Operation } from '../http/exchange.ts';
import type { SessionLookup } from '../session/lookup.ts';
import type { Sandboxes } from '../session/sandbox.ts';
import { factsOf, type Presenter } from '../session/view.ts';

export interface GetSessionOptions {
  readonly lookup: SessionLookup;
  readonly sandboxes: Sandboxes;
  readonly presenter: Presenter;
}

export function getSession({ lookup, sandboxes, presenter }: GetSessionOptions): Operation {
  return async ({ id, account }) => {
    const session = await lookup.find(id, account);
    const [expiresAtMs, pages] = await Promise.all([sandboxes.expiresAtMs(session, account), sandboxes.pages(session)]);
    const view = presenter.session(factsOf({ session, account, expiresAtMs }));
    return { status: 200, sessionId: id, body: { ...view, pages: [...pages] } satisfies SessionWithPages };
  };
}

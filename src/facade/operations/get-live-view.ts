import { liveViewQuery, type LiveViewLink } from '../../api/rest/session.ts';
import type { Operation } from '../http/exchange.ts';
import { validate } from '../http/validate.ts';
import type { SessionLookup } from '../session/lookup.ts';
import { lifetimeEndMs } from '../session/times.ts';
import type { Presenter } from '../session/view.ts';

export interface GetLiveViewOptions {
  readonly lookup: SessionLookup;
  readonly presenter: Presenter;
}

export function getLiveView({ lookup, presenter }: GetLiveViewOptions): Operation {
  return async ({ id, account, query }) => {
    const session = await lookup.find(id, account);
    const { readOnly } = validate(liveViewQuery, { ...query }, 'query');
    const facts = { id: session.metadata.uid, lifetimeEndMs: lifetimeEndMs(session, account) };
    const url = presenter.liveViewUrl(facts, readOnly === 'true' ? 'live-readonly' : 'live');
    return { status: 200, sessionId: id, body: { url } satisfies LiveViewLink };
  };
}

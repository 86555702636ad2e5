import { Problem } from '../../api/rest/problem.ts';
import { emptyRequest } from '../../api/rest/session.ts';
import { SandboxError } from '../../sandbox/port.ts';
import type { Operation } from '../http/exchange.ts';
import { validate } from '../http/validate.ts';
import type { SessionLookup } from '../session/lookup.ts';
import type { Sandboxes } from '../session/sandbox.ts';
import { factsOf, type Presenter } from '../session/view.ts';

export interface KeepSessionAliveOptions {
  readonly lookup: SessionLookup;
  readonly sandboxes: Sandboxes;
  readonly presenter: Presenter;
}

function toProblem(error: unknown): unknown {
  if (!(error instanceof SandboxError)) return error;
  return new Problem('sandbox_failed', 'The browser does not answer; the session is probably about to end.', {
    cause: error,
  });
}

/** Unlike a read it must not pretend: a sandbox that could not be told keeps its old deadline. */
export function keepSessionAlive({ lookup, sandboxes, presenter }: KeepSessionAliveOptions): Operation {
  return async ({ id, account, body }) => {
    const session = await lookup.find(id, account);
    validate(emptyRequest, body === undefined ? {} : body);
    const expiresAtMs = await sandboxes.touch(session, account).catch((error: unknown) => {
      throw toProblem(error);
    });
    return { status: 200, sessionId: id, body: presenter.session(factsOf({ session, account, expiresAtMs })) };
  };
}

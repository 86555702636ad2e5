import { headers } from '../../api/rest/paths.ts';
import { Problem } from '../../api/rest/problem.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Call, Operation } from '../http/exchange.ts';
import type { CreateWithKey } from '../idempotency/create-with-key.ts';
import { bodyHash, parseIdempotencyKey, recordName } from '../idempotency/key.ts';
import { invalid, shorten } from '../http/validate.ts';
import type { ExtensionShelf } from '../extension/shelf.ts';
import type { CreateResult, FacadeMetrics } from '../metrics.ts';
import type { CreateInput, Created, CreateOnce } from '../session/create-once.ts';
import { createPatience, type Patience } from '../session/patience.ts';
import { parseSessionOrder, type KnownObjects, type SessionOrder } from '../session/request.ts';
import type { Presenter, SessionFacts } from '../session/view.ts';

export interface CreateSessionOptions extends KnownObjects {
  readonly shelf: Pick<ExtensionShelf, 'findUnknown'>;
  readonly createOnce: CreateOnce;
  readonly createWithKey: CreateWithKey;
  readonly presenter: Presenter;
  readonly metrics: FacadeMetrics;
  readonly clock: Clock;
  readonly createDeadlineMs: number;
  readonly shutdown: AbortSignal;
}

function resultOf(error: unknown, patience: Patience | undefined): CreateResult {
  if (patience?.gaveUp === 'clientGone') return 'client_gone';
  return error instanceof Problem ? error.code : 'internal_error';
}

/** Whoever sends a password may see it again, once; what is kept has none. */
function asAsked(facts: SessionFacts, { proxyUrl }: SessionOrder): SessionFacts {
  return { ...facts, ...(proxyUrl !== undefined && { proxyUrl }) };
}

async function requireExtensions(
  { shelf }: Pick<CreateSessionOptions, 'shelf'>,
  { account }: Call,
  { extensions }: SessionOrder,
): Promise<void> {
  const unknown = extensions.length === 0 ? [] : await shelf.findUnknown(extensions, account);
  if (unknown.length === 0) return;
  throw invalid(
    unknown.map((id) => ({
      path: `extensions.${extensions.indexOf(id)}`,
      message: `unknown extension "${shorten(id)}"; upload it first, or leave it out`,
    })),
  );
}

export function createSession(options: CreateSessionOptions): Operation {
  const { createOnce, createWithKey, presenter, metrics, clock, createDeadlineMs, shutdown } = options;
  const create = (call: Call, input: CreateInput, key: string | undefined): Promise<Created> =>
    key === undefined
      ? createOnce(input)
      : createWithKey({
          ...input,
          recordName: recordName({ account: call.account, operation: 'createSession', key }),
          bodyHash: bodyHash(call.body),
        });

  const perform = async (call: Call, patience: Patience): Promise<Created & { readonly order: SessionOrder }> => {
    const key = parseIdempotencyKey(call.idempotencyKey);
    const order = parseSessionOrder(call.body, call.account, options);
    await requireExtensions(options, call, order);
    return { ...(await create(call, { account: call.account, order, patience }, key)), order };
  };

  return async (call) => {
    const startedMs = clock.monotonic();
    using patience = createPatience({ clock, deadlineMs: createDeadlineMs, clientGone: call.clientGone, shutdown });
    try {
      const { facts, how, order } = await perform(call, patience);
      metrics.createDone(how === 'replayed' ? 'replayed' : 'created');
      if (how !== 'replayed') metrics.sessionReady(how, clock.monotonic() - startedMs);
      const replayed = how === 'replayed' ? { [headers.idempotencyReplayed]: 'true' } : {};
      return { status: 201, sessionId: facts.id, body: presenter.session(asAsked(facts, order)), headers: replayed };
    } catch (error) {
      metrics.createDone(resultOf(error, patience));
      throw error;
    }
  };
}

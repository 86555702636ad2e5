import type { Attempt } from '../session/attempt.ts';
import { readyFacts, warmth, type CreateInput, type CreateOptions, type Created } from '../session/create-once.ts';
import type { RequestRecord, RequestRecords } from './records.ts';

export interface KeyedInput extends CreateInput {
  readonly recordName: string;
  readonly bodyHash: string;
}

/** As {@link CreateOnce}, and the same again for the same key. A Problem forgets the key, so that a retry retries. */
export type CreateWithKey = (input: KeyedInput) => Promise<Created>;

export interface CreateWithKeyOptions extends CreateOptions {
  readonly records: RequestRecords;
}

/**
 * record → session of the name in the record → ready → record completed → answered. Every step may find that somebody else
 * (a duplicate, another replica, a facade that died) did it already, and then goes on from there. A session is answered only
 * once the record names it, and is removed only once the record is forgotten: so no two are ever promised for one key.
 */
export function createWithKeyOf({
  attempt,
  remove,
  clock,
  records,
  confirmations,
}: CreateWithKeyOptions): CreateWithKey {
  type Turn = Created | 'again';

  const onReady = async (
    input: KeyedInput,
    record: RequestRecord,
    result: Attempt & { kind: 'ready' },
  ): Promise<Turn> => {
    const facts = readyFacts(result.session, input, clock);
    // A record that is completed is a promise too: whoever retries gets this session.
    confirmations.confirm(result.session);
    const outcome = await records.complete(record, facts);
    if (outcome === 'completed') return { facts, how: record.mine ? warmth(result.session) : 'replayed' };
    if (outcome === 'lost') await remove(result.session);
    return 'again';
  };

  const onFailure = async (
    input: KeyedInput,
    record: RequestRecord,
    result: Exclude<Attempt, { kind: 'ready' }>,
  ): Promise<Turn> => {
    // A duplicate whose client left takes nothing away from the request that it waited for.
    if (input.patience.gaveUp === 'clientGone' && !record.mine) throw result.problem;
    const outcome = await records.forget(record);
    if (outcome === 'kept') return 'again';
    if (outcome === 'absent' && result.kind === 'gone') return 'again';
    if (result.session) await remove(result.session);
    throw result.problem;
  };

  const turn = async (input: KeyedInput): Promise<Turn> => {
    const record = await records.claim(input.recordName, input.bodyHash);
    if (record.facts) return { facts: record.facts, how: 'replayed' };
    const result = await attempt({ ...input, name: record.sessionName });
    return result.kind === 'ready' ? onReady(input, record, result) : onFailure(input, record, result);
  };

  return async (input) => {
    for (;;) {
      const result = await turn(input);
      if (result !== 'again') return result;
    }
  };
}

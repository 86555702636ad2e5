import type { Acceptance } from '../../api/v1alpha1/kind.ts';
import type { StoredObject } from '../../lib/object-meta.ts';
import { formatTime } from '../../lib/time.ts';
import { withConditions, type ConditionRemoval, type ConditionUpdate } from '../conditions.ts';

export type AcceptanceVerdict = readonly (ConditionUpdate | ConditionRemoval)[];

/** An object of which nothing is to be told but whether it is accepted. */
export interface Accepted extends StoredObject {
  readonly status?: Acceptance;
}

export function acceptanceStatus(
  { metadata, status }: Accepted,
  verdict: AcceptanceVerdict,
  nowMs: number,
): Acceptance {
  return {
    observedGeneration: metadata.generation ?? 1,
    conditions: withConditions(status?.conditions, verdict, formatTime(nowMs)),
  };
}

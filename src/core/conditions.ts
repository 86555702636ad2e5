import type { ConditionType } from '../api/v1alpha1/browser-session.ts';
import type { Condition } from '../api/v1alpha1/kind.ts';

export interface ConditionUpdate {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** The condition has nothing to say any more, and goes: some tools take one that is False for a thing that is on its way. */
export interface ConditionRemoval {
  readonly type: ConditionType;
  readonly status: 'absent';
}

export const absent = (type: ConditionType): ConditionRemoval => ({ type, status: 'absent' });

/**
 * `existing` with `updates` laid over it; `lastTransitionTime` moves only when a status does, as the convention has it:
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
 */
export function withConditions(
  existing: readonly Condition[] | undefined,
  updates: readonly (ConditionUpdate | ConditionRemoval)[],
  now: string,
): Condition[] {
  const merged = new Map((existing ?? []).map((c) => [c.type, c]));
  for (const update of updates) {
    const before = merged.get(update.type);
    if (update.status === 'absent') merged.delete(update.type);
    else merged.set(update.type, { ...update, lastTransitionTime: since(before, update) ?? now });
  }
  return [...merged.values()];
}

function since(before: Condition | undefined, { status }: ConditionUpdate): string | undefined {
  return before?.status === status ? before.lastTransitionTime : undefined;
}

interface Verdict {
  readonly reason: string;
  /** Holds no times and does not flap; it tells the user the next step. */
  readonly message: string;
}

/**
 * What kstatus reads, and with it Argo CD, Flux and `kubectl wait`: Ready; beside it, while it is not, either Reconciling (wait) or
 * Stalled (nothing will change by waiting): https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
export const readiness = {
  ready: (verdict: Verdict) => [
    { type: 'Ready', status: 'True', ...verdict } as const,
    absent('Reconciling'),
    absent('Stalled'),
  ],
  reconciling: (verdict: Verdict) => [
    { type: 'Ready', status: 'False', ...verdict } as const,
    { type: 'Reconciling', status: 'True', ...verdict } as const,
    absent('Stalled'),
  ],
  stalled: (verdict: Verdict) => [
    { type: 'Ready', status: 'False', ...verdict } as const,
    absent('Reconciling'),
    { type: 'Stalled', status: 'True', ...verdict } as const,
  ],
} as const;

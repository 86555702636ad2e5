import type { Clock } from '../../lib/clock.ts';

/**
 * Writes that the cache has not shown yet. A controller that counts its objects counts these, too, or it would make the same
 * ones twice. Source of the idea: https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/controller_utils.go
 */
export interface Expectations {
  /**
   * `id` will show: its uid, or its name when that is made up before the write and used once. Say so before the write when
   * you can: the cache may be faster than the answer.
   */
  expect(key: string, id: string): void;
  /** `id` has shown, or its write has failed. Ids that nobody expects are ignored. */
  observed(id: string): void;
  /** The ids that `key` still waits for. */
  pending(key: string): readonly string[];
  isPending(id: string): boolean;
}

export interface ExpectationsOptions {
  readonly clock: Clock;
  /** After this long an id is given up: its event was missed. Default 300,000, as in Kubernetes. */
  readonly expiryMs?: number;
}

interface Expected {
  readonly key: string;
  readonly expiresMs: number;
}

export function createExpectations({ clock, expiryMs = 300_000 }: ExpectationsOptions): Expectations {
  /** Oldest first, since all of them wait equally long. */
  const byId = new Map<string, Expected>();
  const byKey = new Map<string, Set<string>>();

  const observed = (id: string): void => {
    const expected = byId.get(id);
    if (!expected) return;
    byId.delete(id);
    const ids = byKey.get(expected.key);
    ids?.delete(id);
    if (ids?.size === 0) byKey.delete(expected.key);
  };
  const forgetExpired = (): void => {
    for (const [id, { expiresMs }] of byId) {
      if (expiresMs > clock.monotonic()) return;
      observed(id);
    }
  };

  return {
    expect: (key, id) => {
      forgetExpired();
      observed(id);
      byId.set(id, { key, expiresMs: clock.monotonic() + expiryMs });
      byKey.set(key, (byKey.get(key) ?? new Set<string>()).add(id));
    },
    observed,
    pending: (key) => {
      forgetExpired();
      return [...(byKey.get(key) ?? [])];
    },
    isPending: (id) => {
      forgetExpired();
      return byId.has(id);
    },
  };
}

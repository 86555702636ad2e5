import { describe, expect, it } from 'vitest';
import { QuotaLedger } from './ledger.ts';

describe('the quota ledger', () => {
  it('grants up to the limit and then answers with the numbers', () => {
    const ledger = new QuotaLedger();
    for (const uid of ['1', '2']) {
      expect(ledger.ask('a', uid, 2)).toEqual({ kind: 'free' });
      ledger.hold('a', uid, 0);
    }
    expect(ledger.ask('a', '3', 2)).toEqual({ kind: 'full', limit: 2, current: 2 });
    expect(ledger.ask('b', '3', 2)).toEqual({ kind: 'free' });
  });

  it('keeps who holds a slot even when the limit falls', () => {
    const ledger = new QuotaLedger();
    ledger.hold('a', '1', 5);
    expect(ledger.ask('a', '1', 0)).toEqual({ kind: 'held' });
    expect(ledger.heldSince('1')).toBe(5);
  });

  it('counts a session once however often it is held, and frees it once', () => {
    const ledger = new QuotaLedger();
    ledger.hold('a', '1', 1);
    ledger.hold('a', '1', 2);
    expect(ledger.active('a')).toBe(1);
    expect(ledger.release('1')).toBe('a');
    expect(ledger.release('1')).toBeUndefined();
    expect(ledger.active('a')).toBe(0);
  });
});

describe('grants of another operator that show late', () => {
  const full = (limit: number): QuotaLedger => {
    const ledger = new QuotaLedger();
    for (let i = 0; i < limit; i++) ledger.hold('a', `own${i}`, 1_000);
    return ledger;
  };
  /** As a watch shows it. */
  const late = (ledger: QuotaLedger, uid: string, { sinceMs = 0, limit = 2 } = {}): string | undefined =>
    ledger.observe('a', uid, sinceMs) ? ledger.weigh('a', limit) : undefined;

  it('stay within the limit', () => {
    const ledger = full(1);
    expect(late(ledger, 'x')).toBeUndefined();
    expect(ledger.ask('a', 'x', 2)).toEqual({ kind: 'held' });
  });

  it('are surplus above it, though they were granted before all others', () => {
    const ledger = full(2);
    expect(late(ledger, 'x')).toBe('x');
    expect(ledger.ask('a', 'x', 2)).toEqual({ kind: 'surplus', limit: 2, current: 3 });
    expect(ledger.ask('a', 'own0', 2)).toEqual({ kind: 'held' });
    expect(ledger.ask('a', 'new', 2)).toEqual({ kind: 'full', limit: 2, current: 3 });
  });

  it.each([
    ['by time of grant', 'x', 20, 'y', 10, 'x'],
    ['by time of grant, whichever shows first', 'x', 10, 'y', 20, 'y'],
    ['by uid where that is the same', 'x', 10, 'y', 10, 'y'],
    ['by uid, whichever shows first', 'y', 10, 'x', 10, 'y'],
  ])('end the youngest of them: %s', (_how, first, firstMs, second, secondMs, expected) => {
    const ledger = full(1);
    expect(late(ledger, first, { sinceMs: firstMs })).toBeUndefined();
    expect(late(ledger, second, { sinceMs: secondMs })).toBe(expected);
  });

  it('are weighed one by one: as many are surplus as are above the limit', () => {
    const ledger = full(1);
    expect(['x', 'y', 'z'].map((uid) => late(ledger, uid))).toEqual([undefined, 'y', 'z']);
  });

  it('need not go for one that goes already', () => {
    const ledger = full(2);
    expect(late(ledger, 'x')).toBe('x');
    ledger.release('own0');
    expect(late(ledger, 'y')).toBeUndefined();
    ledger.release('x');
    expect(ledger.active('a')).toBe(2);
  });

  it('do not go because the limit is lowered, nor do grants of our own', () => {
    const ledger = full(1);
    late(ledger, 'x');
    expect(ledger.ask('a', 'x', 0)).toEqual({ kind: 'held' });
    expect(late(ledger, 'y', { limit: 1 })).toBe('y');
    expect(ledger.ask('a', 'own0', 1)).toEqual({ kind: 'held' });
    expect(ledger.ask('a', 'x', 1)).toEqual({ kind: 'held' });
  });

  it('are those that this operator did not grant, however often a watch shows them', () => {
    const ledger = full(2);
    expect(ledger.observe('a', 'own0', 5)).toBe(false);
    expect(late(ledger, 'x')).toBe('x');
    expect(ledger.observe('a', 'x', 5)).toBe(false);
    ledger.release('x');
    expect(ledger.ask('a', 'x', 3)).toEqual({ kind: 'free' });
  });

  it('never leave more than the limit, nor end more than they must, at any interleaving', () => {
    // A fixed sequence of pseudo-random numbers (Lehmer): the same in every run.
    let seed = 42;
    const next = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 500; round++) {
      const limit = 1 + next(4);
      const ledger = new QuotaLedger();
      const surplus = new Set<string>();
      const holders = new Set<string>();
      for (let step = 0; step < 30; step++) {
        const uid = `${round}-${step}`;
        const what = next(4);
        if (what === 0 && ledger.ask('a', uid, limit).kind === 'free') {
          ledger.hold('a', uid, step);
          holders.add(uid);
        } else if (what === 1) {
          const staying = holders.size - surplus.size;
          holders.add(uid);
          const marked = late(ledger, uid, { sinceMs: next(30), limit });
          expect(marked !== undefined).toBe(staying + 1 > limit);
          if (marked) surplus.add(marked);
        } else if (what === 2 && holders.size > 0) {
          const gone = [...holders][next(holders.size)] ?? '';
          ledger.release(gone);
          holders.delete(gone);
          surplus.delete(gone);
        }
        expect(ledger.active('a')).toBe(holders.size);
        expect(holders.size - surplus.size).toBeLessThanOrEqual(limit);
      }
    }
  });
});

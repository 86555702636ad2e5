import { describe, expect, it } from 'vitest';
import { parseChoice, sections } from '../../hack/bench/command-line.ts';
import { formatNumber, formatTable, judge, type Row } from '../../hack/bench/report.ts';
import { median, quantile, ratioOf, shuffled, summarize } from '../../hack/bench/statistics.ts';

describe('quantile', () => {
  // Expected values are NumPy's: numpy.quantile(samples, share).
  it.each([
    { samples: [7], share: 0.99, expected: 7 },
    { samples: [3, 1, 2], share: 0, expected: 1 },
    { samples: [3, 1, 2], share: 0.5, expected: 2 },
    { samples: [3, 1, 2], share: 1, expected: 3 },
    { samples: [4, 1, 3, 2], share: 0.5, expected: 2.5 },
    { samples: [10, 20, 30, 40, 50], share: 0.95, expected: 48 },
    { samples: [9, 80, 700], share: 0.5, expected: 80 },
  ])('$share of $samples is $expected', ({ samples, share, expected }) => {
    expect(quantile(samples, share)).toBeCloseTo(expected);
  });

  it('has nothing to say about nothing, and leaves its samples in their order', () => {
    expect(() => quantile([], 0.5)).toThrow('no samples');
    const samples = [3, 1, 2];
    median(samples);
    expect(samples).toEqual([3, 1, 2]);
  });
});

describe('summarize', () => {
  it('counts, and is not moved by one that is far off', () => {
    const samples = [...Array.from({ length: 100 }, (_, i) => i + 1), 1e9];
    expect(summarize(samples)).toEqual({ count: 101, p50: 51, p95: 96, p99: 100 });
  });
});

describe('ratioOf', () => {
  it('is one of medians, with what each quarter of the run would have said', () => {
    const baseline = [10, 10, 10, 10];
    expect(ratioOf([10, 20, 20, 30], baseline)).toEqual({ value: 2, low: 1, high: 3 });
  });

  it('does not wander with a disturbance that both see', () => {
    const disturbed = [1, 1, 8, 8];
    const samples = disturbed.map((x) => 2 * x);
    expect(ratioOf(samples, disturbed)).toEqual({ value: 2, low: 2, high: 2 });
  });

  it('takes sides of different length, down to a single sample', () => {
    expect(ratioOf([6, 6, 6, 6, 6, 6, 6, 6], [3, 3])).toMatchObject({ value: 2 });
    expect(ratioOf([6], [3])).toEqual({ value: 2, low: 2, high: 2 });
  });
});

describe('shuffled', () => {
  it('gives every item every place and every predecessor about equally often, the same in every run', () => {
    const items = ['a', 'b', 'c', 'd', 'e'];
    const rounds = Array.from({ length: 3000 }, (_, round) => shuffled(items, round));
    const counts = new Map<string, number>();
    for (const order of rounds) {
      expect(order.toSorted()).toEqual(items);
      for (const [place, item] of order.entries()) {
        const keys = [`${item} at ${place}`, ...(place > 0 ? [`${item} after ${order[place - 1] ?? ''}`] : [])];
        for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(25 + 20);
    expect(Math.min(...counts.values())).toBeGreaterThan(500);
    expect(Math.max(...counts.values())).toBeLessThan(700);
    expect(shuffled(items, 7)).toEqual(shuffled(items, 7));
  });
});

describe('parseChoice', () => {
  it.each([
    { argv: [], chosen: sections },
    { argv: ['all'], chosen: sections },
    { argv: ['memory', 'all'], chosen: sections },
    { argv: ['memory', 'create'], chosen: ['create', 'memory'] },
  ])('$argv chooses $chosen', ({ argv, chosen }) => {
    expect(parseChoice(argv)).toMatchObject({ kind: 'run', choice: { sections: chosen } });
  });

  it('takes flags anywhere', () => {
    expect(parseChoice(['--json', 'cdp', '--quick'])).toEqual({
      kind: 'run',
      choice: { sections: ['cdp'], asJson: true, isQuick: true },
    });
  });

  it.each(['cpd', '--jsn', ''])('refuses "%s" and lists what there is', (word) => {
    const parsed = parseChoice(['cdp', word]);
    expect(parsed).toMatchObject({ kind: 'refused' });
    for (const known of [...sections, 'all', '--json']) expect(JSON.stringify(parsed)).toContain(known);
  });
});

describe('the report', () => {
  const ratio = { value: 1.2, low: 1.1, high: 1.35 };
  const row: Row = { section: 's', name: 'n', figure: { value: 3.004, unit: 'ms' }, ratio };

  it.each([
    { target: undefined, verdict: 'none' },
    { target: { of: 'figure', atMost: 3.01 }, verdict: 'met' },
    // Printed it would be 3.00: judged is what was measured.
    { target: { of: 'figure', atMost: 3 }, verdict: 'missed' },
    { target: { of: 'ratio', atMost: 1.2 }, verdict: 'met' },
    { target: { of: 'ratio', atMost: 1.19 }, verdict: 'missed' },
    { target: { of: 'figure', atLeast: 3.01 }, verdict: 'missed' },
    { target: { of: 'figure', atLeast: 3 }, verdict: 'met' },
  ] as const)('$target is $verdict', ({ target, verdict }) => {
    expect(judge({ ...row, ...(target && { target }) })).toBe(verdict);
  });

  it('misses a target whose ratio is not known', () => {
    expect(judge({ section: 's', name: 'n', figure: row.figure, target: { of: 'ratio', atMost: 9 } })).toBe('missed');
  });

  it.each([
    [1234.4, '1234'],
    [123.4, '123'],
    [12.34, '12.3'],
    [1.234, '1.23'],
    [0.1234, '0.123'],
    [0, '0.000'],
  ])('writes %d as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('is a table with a unit beside every figure', () => {
    const target = { of: 'ratio', atMost: 1.3 } as const;
    const baseline = { name: 'bare', figure: { value: 2.5, unit: 'ms' } } as const;
    const cells = formatTable([{ ...row, baseline, target, details: { n: 3 } }])
      .split('\n')
      .at(-1)
      ?.split('|');
    expect(cells?.map((cell) => cell.trim())).toEqual([
      ...['', 'n', '3.00 ms', 'n 3', 'bare: 2.50 ms', '1.20 (1.10–1.35)', '≤ 1.30', 'met', ''],
    ]);
  });
});

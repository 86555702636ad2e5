import { check } from 'prettier';
import { describe, expect, it } from 'vitest';
import { formatYaml, type Json } from '../../hack/generate/yaml.ts';

const rows: readonly (readonly [what: string, value: Json, text: string])[] = [
  ['a word', { kind: 'BrowserPool' }, 'kind: BrowserPool'],
  ['a path', { jsonPath: '.status.phase' }, 'jsonPath: .status.phase'],
  ['a sentence', { a: 'Fixed, but for (some) timeouts.' }, 'a: Fixed, but for (some) timeouts.'],
  ['a colon', { a: 'default: none' }, "a: 'default: none'"],
  ['a comment sign', { a: 'a #b' }, "a: 'a #b'"],
  ['a quote within quotes', { a: "the account's: x" }, "a: 'the account''s: x'"],
  ['a regular expression', { a: String.raw`^[0-9]+(\.[0-9]+)?$` }, String.raw`a: '^[0-9]+(\.[0-9]+)?$'`],
  ['a line end', { a: 'x\ny\t"z"' }, String.raw`a: "x\ny\t\"z\""`],
  ['a separator that is a line end in YAML', { a: 'x\u2028y\u0085' }, String.raw`a: "x\u2028y\u0085"`],
  ['a string that begins as an indicator', { a: '- x', b: '*x', c: '&x' }, "a: '- x'\nb: '*x'\nc: '&x'"],
  ['a string that ends with a space', { a: 'x ' }, "a: 'x '"],
  ['an empty string', { a: '' }, "a: ''"],
  [
    'words that YAML reads otherwise',
    { a: 'True', b: 'no', c: 'null', d: 'Y' },
    "a: 'True'\nb: 'no'\nc: 'null'\nd: 'Y'",
  ],
  [
    'numbers that are strings',
    { a: '2', b: '1e3', c: '2026-11-22', d: '.5' },
    "a: '2'\nb: '1e3'\nc: '2026-11-22'\nd: '.5'",
  ],
  ['infinity as a string', { a: '.inf' }, "a: '.inf'"],
  ['a reserved word as a key', { on: 1, y: 2 }, "'on': 1\n'y': 2"],
  ['numbers, truth, nothing', { a: 0.95, b: -3, c: true, d: null }, 'a: 0.95\nb: -3\nc: true\nd: null'],
  ['empty things', { a: [], b: {}, c: { d: undefined } }, 'a: []\nb: {}\nc: {}'],
  ['a member that is undefined', { a: 1, b: undefined }, 'a: 1'],
  ['a list', { a: ['x', 1, []] }, 'a:\n  - x\n  - 1\n  - []'],
  [
    'objects in a list',
    { a: [{ b: 1, c: { d: 2 } }, { e: [3] }] },
    'a:\n  - b: 1\n    c:\n      d: 2\n  - e:\n      - 3',
  ],
  ['lists in a list', [['a', 'b'], ['c']], '- - a\n  - b\n- - c'],
  ['a scalar', 'x', 'x'],
];

describe('formatYaml', () => {
  it.each(rows)('writes %s', (_what, value, text) => {
    expect(formatYaml(value)).toBe(`${text}\n`);
  });

  it.each(rows)('writes what a YAML parser takes: %s', async (_what, value) => {
    await expect(check(formatYaml(value), { parser: 'yaml' })).resolves.toBeTypeOf('boolean');
  });

  it.each([NaN, Infinity])('throws on %d', (value) => {
    expect(() => formatYaml({ a: value })).toThrow('is no JSON');
  });
});

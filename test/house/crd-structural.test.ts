import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { toStructural } from '../../hack/generate/crd/structural.ts';
import { celRules, listByKey, setOf, stringMap } from '../../src/api/v1alpha1/crd.ts';

/** The schema stands where a user would have written it: at spec.field. */
const around = (schema: z.ZodType): z.ZodType => z.strictObject({ field: schema.describe('A field.') });
const convert = (schema: z.ZodType) => toStructural(around(schema), 'spec');
const fieldOf = (schema: z.ZodType): unknown =>
  (convert(schema)['properties'] as Readonly<Record<string, unknown>>)['field'];

const text = z.string().max(9);
const rule = celRules({ rule: 'true', message: 'is fine' });
const hex = z.string().regex(/^[0-9a-f]+$/);

const refused: readonly (readonly [what: string, schema: z.ZodType, problem: string])[] = [
  ['a union', z.union([z.string(), z.int()]), 'spec.field: anyOf: '],
  ['an exclusive union', z.xor([z.string(), z.int()]), 'spec.field: oneOf: '],
  [
    'a discriminated union',
    z.discriminatedUnion('a', [z.strictObject({ a: z.literal('x') }), z.strictObject({ a: z.literal('y') })]),
    'spec.field: oneOf: ',
  ],
  ['an intersection', z.intersection(z.object({ a: text }), z.object({ b: text })), 'spec.field'],
  ['a reference', z.array(text.meta({ id: 'Text' })), 'spec.field[]: $ref: '],
  ['a reference with words of its own', text.meta({ id: 'Other' }), 'spec.field: allOf: '],
  ['a tuple', z.tuple([z.string(), z.int()]), 'spec.field'],
  ['unique items', z.array(text).meta({ uniqueItems: true }), 'spec.field: uniqueItems: '],
  ['any', z.any(), 'spec.field: has no type'],
  ['unknown', z.unknown(), 'spec.field: has no type'],
  ['a date', z.date(), 'spec.field: has no type'],
  ['a bigint', z.bigint(), 'spec.field: has no type'],
  ['null', z.null(), 'spec.field'],
  ['a nullable', text.nullable(), 'spec.field: nullable: '],
  ['a loose object', z.looseObject({ a: text.describe('A.') }), 'spec.field: additionalProperties: a loose object'],
  [
    'an object with a catch-all',
    z.object({ a: text.describe('A.') }).catchall(text),
    'spec.field: additionalProperties: a loose',
  ],
  ['a map of anything', z.record(z.string(), z.unknown()), 'spec.field: additionalProperties: a map of anything'],
  ['a list of anything', z.array(z.unknown()), 'spec.field[]: has no type'],
  ['a union in a list', z.array(z.union([z.string(), z.int()])), 'spec.field[]: anyOf: '],
  ['a union in a map', z.record(z.string(), z.union([z.string(), z.int()])), 'spec.field.*: anyOf: '],
  ['a look-ahead', z.string().regex(/^(?!a)b$/), 'spec.field: pattern ^(?!a)b$: '],
  ['a look-behind', z.string().regex(/(?<=a)b/), 'spec.field: pattern '],
  ['a back reference', z.string().regex(/(a)\1/), 'spec.field: pattern '],
  ['a pattern with a flag', z.string().regex(/a/i), 'spec.field: the flag i of a pattern'],
  ['two patterns', z.string().regex(/a/).regex(/b/), 'spec.field: allOf: '],
  ['a transform', z.string().transform(Number), 'spec.field: a transform'],
  ['a change of the value', z.string().trim(), 'spec.field: a change of the value'],
  ['an exclusive bound', z.number().gt(1), 'spec.field: exclusiveMinimum: '],
  ['a keyword nobody knows', text.meta({ 'x-house': 1 }), 'spec.field: x-house: '],
  [
    'a refinement that CEL does not say',
    text.refine(() => true),
    'spec.field: a refinement has no x-kubernetes-validations',
  ],
  ['such a refinement with a default', text.refine(() => true).default('a'), 'spec.field: a refinement has no'],
  ['such a refinement in a list', z.array(text.refine(() => true)), 'spec.field[]: a refinement has no'],
  [
    'keys with a bound that CEL does not say',
    z.record(z.string().max(9), text),
    'spec.field: a bound of the keys has no',
  ],
  ['a rule over a string without limit', z.string().meta(rule), 'spec.field: maxLength: '],
  ['a rule over a list without limit', z.array(text).meta(rule), 'spec.field: maxItems: '],
  ['a rule over a map without limit', z.record(z.string(), text).meta(rule), 'spec.field: maxProperties: '],
  [
    'a rule far above a string without limit',
    z
      .strictObject({
        a: z
          .array(z.strictObject({ b: z.string().describe('B.') }))
          .max(2)
          .describe('A.'),
      })
      .meta(rule),
    'spec.field.a[].b: maxLength: ',
  ],
  ['a field without a description', z.strictObject({ a: text }), 'spec.field.a: has no description'],
  [
    'a field deep down without a description',
    z.array(z.strictObject({ a: text })),
    'spec.field[].a: has no description',
  ],
];

describe('a schema that an API server would refuse', () => {
  it.each(refused)('throws, naming the path: %s', (_what, schema, problem) => {
    expect(() => convert(schema)).toThrow(problem);
  });

  it('throws on a schema that holds itself', () => {
    interface Tree {
      readonly child?: Tree | undefined;
    }
    const tree: z.ZodType<Tree> = z.strictObject({
      get child() {
        return tree.optional();
      },
    });
    expect(() => convert(tree)).toThrow(/cycle/i);
  });
});

const taken: readonly (readonly [what: string, schema: z.ZodType, structural: object])[] = [
  ['a string', hex.max(64), { type: 'string', pattern: '^[0-9a-f]+$', maxLength: 64 }],
  ['a group without capture', z.string().regex(/^(?:a|b)$/), { type: 'string', pattern: '^(?:a|b)$' }],
  ['an integer without bounds of its own', z.int(), { type: 'integer', format: 'int64' }],
  ['an integer with one bound', z.int().min(0), { type: 'integer', format: 'int64', minimum: 0 }],
  ['a number', z.number().max(1), { type: 'number', maximum: 1 }],
  ['a choice', z.enum(['a', 'b']).default('a'), { type: 'string', enum: ['a', 'b'], default: 'a' }],
  [
    'a list',
    z.array(text),
    { type: 'array', 'x-kubernetes-list-type': 'atomic', items: { type: 'string', maxLength: 9 } },
  ],
  [
    'a set, whose refinement the API server knows by its list type',
    setOf(text, 3),
    { type: 'array', maxItems: 3, 'x-kubernetes-list-type': 'set', items: { type: 'string', maxLength: 9 } },
  ],
  [
    'a list by key',
    listByKey(z.strictObject({ type: text.describe('Key.') }), 'type', 3),
    {
      type: 'array',
      maxItems: 3,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type'],
        properties: { type: { description: 'Key.', type: 'string', maxLength: 9 } },
      },
    },
  ],
  [
    'a map',
    stringMap(text, { maxEntries: 2, minKeyLength: 1, maxKeyLength: 5 }),
    {
      type: 'object',
      maxProperties: 2,
      'x-kubernetes-validations': [
        { rule: 'self.all(key, size(key) >= 1 && size(key) <= 5)', message: 'keys must have 1 to 5 characters' },
      ],
      additionalProperties: { type: 'string', maxLength: 9 },
    },
  ],
  [
    'an object: unknown fields are the API server to drop',
    z.strictObject({ a: text.optional().describe('A.') }),
    { type: 'object', properties: { a: { description: 'A.', type: 'string', maxLength: 9 } } },
  ],
  [
    'a refinement beside its rule',
    text.refine(() => true).meta(rule),
    { type: 'string', maxLength: 9, 'x-kubernetes-validations': [{ rule: 'true', message: 'is fine' }] },
  ],
];

describe('a schema that an API server takes', () => {
  it.each(taken)('is converted: %s', (_what, schema, structural) => {
    expect(fieldOf(schema)).toEqual({ description: 'A field.', ...structural });
  });

  it('has defaults in full, for its rules are checked before anything is filled in', () => {
    const inner = z.strictObject({ a: z.int().default(1).describe('A.'), b: z.int().default(2).describe('B.') });
    const outer = z.strictObject({ inner: inner.prefault({ b: 3 }).describe('Inner.') }).prefault({});
    expect(fieldOf(outer)).toMatchObject({
      default: { inner: { a: 1, b: 3 } },
      properties: { inner: { default: { a: 1, b: 3 }, properties: { a: { default: 1 }, b: { default: 2 } } } },
    });
  });

  it('has its keywords in one order, whatever the order of the calls', () => {
    const one = JSON.stringify(fieldOf(z.string().max(3).default('a').describe('X.')));
    expect(JSON.stringify(fieldOf(z.string().describe('X.').max(3).default('a')))).toBe(one);
  });
});

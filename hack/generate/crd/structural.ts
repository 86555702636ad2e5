import { z } from 'zod';
import type { Json } from '../yaml.ts';
import { findUnbounded } from './bounds.ts';
import { fillDefault } from './defaults.ts';
import { markUnsaid, unsaid, unsayable } from './unsaid.ts';

/** A schema as a CRD holds it: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema */
export interface Structural {
  readonly [keyword: string]: Json | undefined;
}

type JsonSchema = Readonly<Record<string, unknown>>;

/** Every keyword that is carried over, in the order in which it is written. */
const keywords = [
  'description',
  'type',
  'format',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'default',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
  'required',
  'properties',
  'items',
  'additionalProperties',
];

/** Words for this generator alone. Where there are definitions there is a $ref, and that has a path. */
const notes = [unsaid, unsayable, 'definitions'];

/** What an API server refuses in a structural schema, or takes and does not heed, and what to write in its place. */
const refused: Readonly<Record<string, string>> = {
  $ref: 'an API server resolves no reference: drop the id from .meta()',
  allOf: 'two patterns, an intersection, or a reference by the id in .meta(): make it one',
  anyOf: 'a union: make its members optional and exclude them in CEL',
  oneOf: 'a union: make its members optional and exclude them in CEL',
  not: 'an API server wants what is allowed, not what is not',
  prefixItems: 'a tuple: use an object',
  patternProperties: 'an API server has no keys by pattern',
  propertyNames: 'an API server has no schema for keys: use stringMap',
  uniqueItems: 'an API server refuses it: use setOf',
};

const types = ['object', 'array', 'string', 'integer', 'number', 'boolean'];
/** zod says of every z.int() that it is no larger than a double can count. */
const safe: Readonly<Record<string, number>> = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
/** RE2, which the API server matches with, knows neither of looking around, back references and \u. */
const notInRe2 = /\(\?[^:]|\\[1-9]|\\u|\\k</;

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fail(path: string, why: string): never {
  throw new Error(`${path}: ${why}`);
}

function checkWords(schema: JsonSchema, path: string): void {
  for (const word of Object.keys(schema)) {
    const why = refused[word];
    if (why !== undefined) fail(path, `${word}: ${why}`);
    if (!keywords.includes(word) && !notes.includes(word))
      fail(path, `${word}: this generator does not know whether an API server takes it`);
  }
}

/** What zod checks and its JSON Schema does not say must be said in CEL, or not checked. */
function checkUnsaid(schema: JsonSchema, path: string): void {
  const { [unsaid]: inCel, [unsayable]: never } = schema as Readonly<Record<string, string | undefined>>;
  if (never !== undefined) fail(path, `${never} cannot be said in a CRD`);
  const isSaid = 'x-kubernetes-validations' in schema || schema['x-kubernetes-list-type'] === 'set';
  if (inCel !== undefined && !isSaid) fail(path, `${inCel} has no x-kubernetes-validations that say the same`);
}

function checkObject({ properties, additionalProperties: others }: JsonSchema, path: string): void {
  if (properties !== undefined && others !== undefined && others !== false)
    fail(path, 'additionalProperties: a loose object: name all properties, or make it a map');
  if (properties === undefined && !isObject(others)) fail(path, 'an object needs properties');
  if (isObject(others) && Object.keys(others).length === 0)
    fail(path, 'additionalProperties: a map of anything has no structure');
}

function checkShape(schema: JsonSchema, path: string): void {
  const { type, pattern, items } = schema;
  if (!types.includes(type as string))
    fail(path, 'has no type that an API server knows: any, unknown, a date, null and the like have no structure');
  if (typeof pattern === 'string' && notInRe2.test(pattern))
    fail(path, `pattern ${pattern}: looking around, back references and \\u are not in RE2`);
  if (type === 'array' && !isObject(items)) fail(path, 'items: a list needs one schema for its items');
  if (type === 'object') checkObject(schema, path);
}

function checkRules(schema: JsonSchema, path: string): void {
  if (!('x-kubernetes-validations' in schema)) return;
  const unbounded = findUnbounded(schema, path);
  if (unbounded !== undefined)
    fail(unbounded.path, `${unbounded.keyword}: must be set, for the CEL rules of ${path} may read it`);
}

function convertProperties(properties: JsonSchema, path: string): Structural {
  const entries = Object.entries(properties).map(([name, property]) => {
    const converted = convert(property as JsonSchema, `${path}.${name}`);
    if (!converted['description']) fail(`${path}.${name}`, 'has no description: kubectl explain would be silent');
    return [name, converted] as const;
  });
  return Object.fromEntries(entries);
}

function convertValue(word: string, value: unknown, path: string): Json | undefined {
  if (word === 'properties') return convertProperties(value as JsonSchema, path);
  if (word === 'items') return convert(value as JsonSchema, `${path}[]`);
  if (word !== 'additionalProperties') return value as Json;
  // Beside properties the API server refuses it, and drops unknown fields itself.
  return value === false ? undefined : convert(value as JsonSchema, `${path}.*`);
}

function withImplied(schema: JsonSchema): JsonSchema {
  if (schema['type'] === 'array') return { 'x-kubernetes-list-type': 'atomic', ...schema };
  if (schema['type'] !== 'integer') return schema;
  const said = Object.entries(schema).filter(([word, value]) => value !== safe[word]);
  return { ...Object.fromEntries(said), format: 'int64' };
}

function convert(schema: JsonSchema, path: string): Structural {
  checkWords(schema, path);
  checkUnsaid(schema, path);
  checkShape(schema, path);
  checkRules(schema, path);
  const full = withImplied(schema);
  const present = keywords.filter((word) => full[word] !== undefined);
  const converted: Structural = Object.fromEntries(present.map((word) => [word, convertValue(word, full[word], path)]));
  return fillDefault(converted);
}

/**
 * The structural schema of what a zod schema takes in. Throws, naming the path, on what an API server would refuse and on what
 * zod checks and the result would not say. `path` is where the schema stands, e.g. `spec`.
 */
export function toStructural(schema: z.ZodType, path: string): Structural {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    // Becomes a schema without a type, which is refused with its path; zod would name none.
    unrepresentable: 'any',
    cycles: 'throw',
    override: markUnsaid,
  });
  return convert(json, path);
}

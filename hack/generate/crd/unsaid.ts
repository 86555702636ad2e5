import type { z } from 'zod';

/** Marks in the JSON schema, for the converter: a check that CEL may say; a thing that nothing in a CRD can say. */
export const unsaid = 'x-unsaid';
export const unsayable = 'x-unsayable';

interface Visited {
  readonly zodSchema: z.core.$ZodTypes;
  readonly jsonSchema: Record<string, unknown>;
}

const checksOf = (schema: z.core.$ZodType): string[] => schema._zod.def.checks?.map((c) => c._zod.def.check) ?? [];

/** A format such as z.email() has its pattern itself; .regex() adds a check that has one. */
function patternsOf(schema: z.core.$ZodTypes): RegExp[] {
  const { def } = schema._zod;
  const holders: readonly object[] = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
  return holders.flatMap((holder) => ('pattern' in holder && holder.pattern instanceof RegExp ? [holder.pattern] : []));
}

function findUnsaid(schema: z.core.$ZodTypes): string | undefined {
  if (checksOf(schema).includes('custom')) return 'a refinement';
  const { def } = schema._zod;
  return def.type === 'record' && checksOf(def.keyType).length > 0 ? 'a bound of the keys' : undefined;
}

function findUnsayable(schema: z.core.$ZodTypes): string | undefined {
  if (schema._zod.def.type === 'pipe') return 'a transform';
  if (checksOf(schema).includes('overwrite')) return 'a change of the value';
  const flags = patternsOf(schema)
    .map((pattern) => pattern.flags.replaceAll(/[gyu]/g, ''))
    .join('');
  return flags === '' ? undefined : `the flag ${flags} of a pattern`;
}

/** For `override` of z.toJSONSchema: refinements, bounds of keys, transforms and flags are left out of JSON Schema without a word. */
export function markUnsaid({ zodSchema, jsonSchema }: Visited): void {
  const [inCel, never] = [findUnsaid(zodSchema), findUnsayable(zodSchema)];
  if (inCel !== undefined) jsonSchema[unsaid] = inCel;
  if (never !== undefined) jsonSchema[unsayable] = never;
}

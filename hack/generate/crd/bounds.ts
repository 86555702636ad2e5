type JsonSchema = Readonly<Record<string, unknown>>;

export interface Unbounded {
  readonly path: string;
  /** The keyword that is missing. */
  readonly keyword: string;
}

const bounds: Readonly<Record<string, string>> = { string: 'maxLength', array: 'maxItems' };

function missingBound(schema: JsonSchema): string | undefined {
  if (schema['enum'] !== undefined) return undefined;
  const isMap = schema['type'] === 'object' && typeof schema['additionalProperties'] === 'object';
  const keyword = isMap ? 'maxProperties' : bounds[schema['type'] as string];
  return keyword === undefined || keyword in schema ? undefined : keyword;
}

/**
 * The first part of a schema whose size is without limit. The API server reckons what a rule in CEL may cost at worst from
 * these limits, and refuses the CRD when it is too much.
 */
export function findUnbounded(schema: JsonSchema, path: string): Unbounded | undefined {
  const keyword = missingBound(schema);
  if (keyword !== undefined) return { path, keyword };
  const parts: [string, unknown][] = [
    ...Object.entries((schema['properties'] as JsonSchema | undefined) ?? {}).map(
      ([name, part]) => [`${path}.${name}`, part] as [string, unknown],
    ),
    [`${path}[]`, schema['items']],
    [`${path}.*`, schema['additionalProperties']],
  ];
  for (const [where, part] of parts) {
    if (typeof part !== 'object' || part === null) continue;
    const found = findUnbounded(part as JsonSchema, where);
    if (found !== undefined) return found;
  }
  return undefined;
}

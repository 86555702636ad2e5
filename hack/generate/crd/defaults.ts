import type { Json } from '../yaml.ts';
import type { Structural } from './structural.ts';

const isObject = (value: unknown): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value with the defaults of its members, as the API server fills them in. */
function withDefaults(schema: Structural, value: Json): Json {
  const properties = schema['properties'];
  if (!isObject(value) || !isObject(properties)) return value;
  const filled: Record<string, Json> = { ...value };
  for (const [name, property] of Object.entries(properties) as [string, Structural][]) {
    const present = filled[name] ?? property['default'];
    if (present !== undefined) filled[name] = withDefaults(property, present);
  }
  return filled;
}

/**
 * A default in full. The API server checks a default by the schema's own CEL rules before it fills anything in: with `{}`,
 * `self.min <= self.max` meets fields that are not there.
 */
export function fillDefault(schema: Structural): Structural {
  const value = schema['default'];
  return value === undefined ? schema : { ...schema, default: withDefaults(schema, value) };
}

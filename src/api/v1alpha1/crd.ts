import { z } from 'zod';

/**
 * What a CRD says and JSON Schema cannot. zod carries it as metadata and does not know it, so each of these stands beside the
 * zod check that says the same; the generator of `crds/` refuses a check that has no such twin.
 */

/** A rule in CEL over `self`, and `oldSelf` where there is one: https://kubernetes.io/docs/reference/using-api/cel/ */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  /** The field to blame, relative to `self`, e.g. `.poolRef`; default: `self`. */
  readonly fieldPath?: string;
}

export const celRules = (...rules: readonly CelRule[]) => ({ 'x-kubernetes-validations': rules });

export const immutableMessage = 'is immutable';

/** A field that may be neither changed nor added nor removed. A rule on the field itself would see a change only. */
export function immutableRule(field: string): CelRule {
  const [now, before] = [`self.${field}`, `oldSelf.${field}`];
  return {
    rule: `has(${now}) == has(${before}) && (!has(${now}) || ${now} == ${before})`,
    message: immutableMessage,
    fieldPath: `.${field}`,
  };
}

/** For a kind whose objects are named in labels (RFC 1123 label). */
export const labelNameRule: CelRule = {
  rule: "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 63",
  message: 'metadata.name must be a lower-case RFC 1123 label of at most 63 characters',
};

/** Of several appliers the last one replaces the whole object: its members mean something together only. */
export const atomicMap = { 'x-kubernetes-map-type': 'atomic' } as const;

/** A list whose members several appliers may own; each value once. */
export function setOf<T extends z.ZodType<string>>(item: T, max: number) {
  return z
    .array(item)
    .max(max)
    .refine((values) => new Set(values).size === values.length, { message: 'must not hold a value twice' })
    .meta({ 'x-kubernetes-list-type': 'set' });
}

/** A list of objects of which several appliers may own one each, told apart by the member `key`. */
export function listByKey<T extends z.ZodType>(item: T, key: string, max: number) {
  return z
    .array(item)
    .max(max)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

export interface StringMapBounds {
  readonly maxEntries: number;
  readonly minKeyLength: number;
  readonly maxKeyLength: number;
}

/** A map to strings. A schema in a CRD has no word for the length of a key. */
export function stringMap(value: z.ZodType<string>, { maxEntries, minKeyLength, maxKeyLength }: StringMapBounds) {
  return z
    .record(z.string().min(minKeyLength).max(maxKeyLength), value)
    .refine((map) => Object.keys(map).length <= maxEntries, { message: `must have at most ${maxEntries} entries` })
    .meta({
      maxProperties: maxEntries,
      ...celRules({
        rule: `self.all(key, size(key) >= ${minKeyLength} && size(key) <= ${maxKeyLength})`,
        message: `keys must have ${minKeyLength} to ${maxKeyLength} characters`,
      }),
    });
}

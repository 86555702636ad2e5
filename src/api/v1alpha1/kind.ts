import { z } from 'zod';
import type { Admission, FieldProblem } from '../../lib/resource.ts';
import { atomicMap, immutableMessage, listByKey } from './crd.ts';

/** RFC 1123 label: the name of a kind whose objects are named in labels. */
const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a lower-case RFC 1123 label');

/** RFC 1123 subdomain: any object name. */
export const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a lower-case RFC 1123 subdomain');

/** RFC 3339 time in UTC with milliseconds. */
export const timestamp = z.string().max(40).meta({ format: 'date-time' });

/** A reference to another object in the same namespace. */
export const localRef = z
  .strictObject({ name: objectName.describe('Name of the object in the same namespace.') })
  .meta(atomicMap);

/** How many of something there are. */
export const count = z.int().min(0);

/** -1, by the CRD's default, until the operator has seen the object: kstatus would take one without it for settled. */
export const observedGeneration = z
  .int()
  .min(-1)
  .describe('The metadata.generation that this status speaks of; -1: of none yet.');

/** What the status of an object says that nobody has looked at yet. */
export const unobserved = { observedGeneration: -1 } as const;

/** An integer or decimal that is measured, not set. */
export const measure = z.number().min(0);

/** Standard condition: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/condition-v1-meta/ */
export const condition = z.strictObject({
  type: z.string().min(1).max(63).describe('What is said, e.g. Ready.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  reason: z.string().min(1).max(63).describe('Why, in one word of a closed set.'),
  message: z.string().max(32_768).describe('Why, in a sentence for people; it names the next step.'),
  lastTransitionTime: timestamp.describe('When status last changed.'),
  observedGeneration: observedGeneration.optional(),
});
export type Condition = z.infer<typeof condition>;

/** One condition a type. */
export const conditions = listByKey(condition, 'type', 32).describe('What can be said of the object at present.');

/** Status of a kind of which nothing but its being accepted is to be told. */
export function acceptance(description: string) {
  return z
    .strictObject({ observedGeneration: observedGeneration.optional(), conditions: conditions.optional() })
    .describe(description);
}
export type Acceptance = z.infer<ReturnType<typeof acceptance>>;

export function problemsOf(error: z.ZodError, prefix: string): FieldProblem[] {
  return error.issues.flatMap((issue) => {
    const path = [prefix, ...issue.path.map(String)].join('.');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ field: `${path}.${key}`, message: 'unknown field' }));
    return [{ field: path, message: issue.message }];
  });
}

/**
 * Admission by a spec schema: defaults are filled in, unknown fields refused. `immutable` compares two specs and names the
 * fields that may not change; the CRD says the same in CEL.
 */
export function admitSpec<S>(schema: z.ZodType<S>, immutable: (previous: S, next: S) => readonly string[] = () => []) {
  return (next: unknown, previous?: { readonly spec: S }): Admission => {
    const object = next as { readonly spec?: unknown };
    const parsed = schema.safeParse(object.spec ?? {});
    if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error, 'spec') };
    const frozen = previous ? immutable(previous.spec, parsed.data) : [];
    if (frozen.length > 0)
      return { ok: false, problems: frozen.map((f) => ({ field: `spec.${f}`, message: immutableMessage })) };
    return { ok: true, value: { ...object, spec: parsed.data } };
  };
}

type Admit<T> = (next: unknown, previous?: T) => Admission;

/** Besides, the name must fit a label value, since pods bear it as one. */
export function withLabelName<T>(admit: Admit<T>): Admit<T> {
  return (next, previous) => {
    const { metadata } = next as { readonly metadata?: { readonly name?: unknown } };
    const name = dnsLabel.safeParse(metadata?.name);
    return name.success ? admit(next, previous) : { ok: false, problems: problemsOf(name.error, 'metadata.name') };
  };
}

import { z } from 'zod';
import { parseArguments } from './arguments.ts';
import type { Knob, KnobTable } from './knob.ts';
import { findNearest } from './nearest.ts';
import { roles, type Role } from './roles.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

type Shape<T extends KnobTable> = { [K in keyof T]: T[K]['schema'] };
/** What the texts of a table's knobs mean, by the table's own keys. */
export type Settings<T extends KnobTable> = z.output<z.ZodObject<Shape<T>>>;

export interface Spoken {
  /** What follows the role. */
  readonly argv: readonly string[];
  readonly env: Environment;
}

export interface ReadInput<T extends KnobTable> extends Spoken {
  readonly role: Role;
  readonly table: T;
  /** Defaults that depend on something, in the form in which the variable would hold them. */
  readonly presets?: Partial<Record<keyof T, string | undefined>>;
}

export interface ReadKnobs<T extends KnobTable> {
  /** Undefined when a value is missing or not allowed. */
  readonly settings: Settings<T> | undefined;
  /** One sentence a problem, for people. */
  readonly problems: string[];
}

/** The answer of a parser of one role's settings. */
export type Parsed<T> =
  { readonly ok: true; readonly config: T } | { readonly ok: false; readonly problems: readonly string[] };

const meant = (typed: string, words: readonly string[]): string => {
  const nearest = findNearest(typed, words);
  return nearest ? `did you mean ${nearest}?` : '--help lists what there is.';
};

function findUnknown(given: readonly string[], words: readonly string[]): string[] {
  return given.filter((word) => !words.includes(word)).map((word) => `${word} is unknown; ${meant(word, words)}`);
}

const namesOf = (role: Role): string[] => Object.values(roles[role].knobs).map(({ name }) => name);
const clusterRoles = ['operator', 'facade', 'gateway', 'node'] as const satisfies readonly Role[];

/** Processes that meet in an API server may be given one environment: what another one reads is not unknown. */
function mayStand(role: Role): string[] {
  return role === 'embedded' ? [] : clusterRoles.flatMap(namesOf);
}

/**
 * A misspelt variable must not be ignored. Kubernetes puts variables of its own into the Pods of a namespace that has Services, such
 * as PORTHOLE_GATEWAY_PORT=tcp://10.0.0.7:8081 for a Service called porthole-gateway: such Pods need `enableServiceLinks: false`.
 */
function findUnknownVariables(role: Role, env: Environment): string[] {
  const own = namesOf(role);
  const known = new Set([...own, ...mayStand(role)]);
  const others = Object.keys(env).filter((name) => name.startsWith('PORTHOLE_') && !known.has(name));
  return others.map((name) => {
    const elsewhere = (Object.keys(roles) as Role[]).filter((other) => namesOf(other).includes(name));
    if (elsewhere.length === 0) return `${name} is unknown; ${meant(name, own)}`;
    return `${name} is no setting of ${role}, but of ${elsewhere.join(', ')}; take it away.`;
  });
}

interface Given {
  /** The flag or variable it came from. */
  readonly source: string;
  readonly text: string;
}

function findGiven(knob: Knob, values: ReadonlyMap<string, string>, env: Environment): Given | undefined {
  const flag = values.get(knob.flag);
  if (flag !== undefined) return { source: knob.flag, text: flag };
  const variable = env[knob.name];
  return variable === undefined ? undefined : { source: knob.name, text: variable };
}

function refusal(knob: Knob, given: Given | undefined): string {
  if (!given) return `${knob.name} has no default here; give ${knob.allowed}.`;
  const what = knob.isSecret ? 'the value given' : JSON.stringify(given.text);
  return `${given.source}: ${what} is not allowed; give ${knob.allowed}.`;
}

/** What flags and environment say of a table's knobs, each checked on its own. Pure. */
export function readKnobs<T extends KnobTable>({ role, table, argv, env, presets }: ReadInput<T>): ReadKnobs<T> {
  const entries = Object.entries(table) as readonly (readonly [keyof T & string, Knob])[];
  const { values, problems: malformed } = parseArguments(argv);
  const flags = entries.map(([, knob]) => knob.flag);
  const problems = [...malformed, ...findUnknown([...values.keys()], flags), ...findUnknownVariables(role, env)];

  const given = new Map(entries.map(([key, knob]) => [key, findGiven(knob, values, env)]));
  const texts = entries.map(([key, knob]) => [key, given.get(key)?.text ?? knob.preset ?? presets?.[key]] as const);
  const shape = Object.fromEntries(entries.map(([key, knob]) => [key, knob.schema])) as Shape<T>;
  const parsed = z.object(shape).safeParse(Object.fromEntries(texts.filter(([, text]) => text !== undefined)));
  if (parsed.success) return { settings: parsed.data, problems };
  const refused = new Set<unknown>(parsed.error.issues.map((issue) => issue.path[0]));
  problems.push(...entries.filter(([key]) => refused.has(key)).map(([key, knob]) => refusal(knob, given.get(key))));
  return { settings: undefined, problems };
}

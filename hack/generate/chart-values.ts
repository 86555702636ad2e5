import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadYaml } from '@kubernetes/client-node';

const chart = path.resolve(import.meta.dirname, '../../charts/porthole');

/** As far as values.schema.json uses JSON Schema. */
interface ValueSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
}

interface Row {
  readonly key: string;
  readonly meaning: string;
  readonly preset: unknown;
}

const read = (file: string): string => readFileSync(path.join(chart, file), 'utf8');

/** One row a value that has a sentence of its own; an object without one is a heading of others. */
function rowsOf(schema: ValueSchema, preset: unknown, key: string): Row[] {
  if (schema.description) return [{ key, meaning: schema.description, preset }];
  const presets = (preset ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
    rowsOf(member, presets[name], key ? `${key}.${name}` : name),
  );
}

/** The chart's values as Markdown: meanings from values.schema.json, defaults from values.yaml. */
export function formatValuesTable(): string {
  const rows = rowsOf(JSON.parse(read('values.schema.json')) as ValueSchema, loadYaml(read('values.yaml')), '');
  return [
    '| value | default | meaning |',
    '|---|---|---|',
    ...rows.map(({ key, meaning, preset }) => `| \`${key}\` | \`${JSON.stringify(preset)}\` | ${meaning} |`),
  ].join('\n');
}

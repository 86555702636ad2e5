import type { JsonSchema } from '../../api/rest/openapi-document.ts';
import { markup, inline, nothing, type Html } from './html.ts';

type Schemas = Readonly<Record<string, JsonSchema>>;

export function nameOf(schema: JsonSchema): string | undefined {
  return schema.$ref?.split('/').at(-1);
}

export function resolve(schema: JsonSchema, schemas: Schemas): JsonSchema {
  const name = nameOf(schema);
  return (name === undefined ? undefined : schemas[name]) ?? schema;
}

function typeOf(schema: JsonSchema): Html {
  const name = nameOf(schema);
  if (name !== undefined) return markup`<a href="#schema-${name}">${name}</a>`;
  if (schema.items) return markup`${typeOf(schema.items)}[]`;
  return markup`${schema.type ?? 'any'}`;
}

function codes(values: readonly string[]): Html {
  return markup`${values.map((value, i) => markup`${i > 0 ? ', ' : ''}<code>${value}</code>`)}`;
}

function bounds({ minimum, maximum }: JsonSchema): string[] {
  const low = minimum === undefined ? [] : [`at least ${minimum}`];
  return maximum === undefined ? low : [...low, `at most ${maximum}`];
}

/** What a value must be, besides its type. */
export function rulesOf(schema: JsonSchema): Html {
  const allowed = schema.enum ?? schema.items?.enum;
  const rules = [
    ...(allowed ? [markup`${schema.enum ? '' : 'each '}one of ${codes(allowed)}`] : []),
    ...(schema.format === undefined ? [] : [markup`${schema.format}`]),
    ...bounds(schema).map((bound) => markup`${bound}`),
    ...(schema.maxLength === undefined ? [] : [markup`at most ${schema.maxLength} characters`]),
    ...(schema.default === undefined ? [] : [markup`default <code>${JSON.stringify(schema.default)}</code>`]),
  ];
  if (rules.length === 0) return nothing;
  return markup`<p class="rules">${rules.map((rule, i) => markup`${i > 0 ? ' · ' : ''}${rule}`)}</p>`;
}

function row(name: string, schema: JsonSchema, { required, schemas }: { required: boolean; schemas: Schemas }): Html {
  const description = schema.description ?? resolve(schema, schemas).description;
  return markup`<tr>
    <th scope="row"><code>${name}</code>${required ? markup` <span class="required">required</span>` : nothing}</th>
    <td class="type">${typeOf(schema)}</td>
    <td>${description === undefined ? nothing : markup`<p>${inline(description)}</p>`}${rulesOf(schema)}</td>
  </tr>`;
}

/** A table of the fields; nothing for a shape without any. Only requests tell which fields are required. */
export function fields(schema: JsonSchema, schemas: Schemas, marks: 'required' | 'none' = 'none'): Html {
  const properties = Object.entries(resolve(schema, schemas).properties ?? {});
  if (properties.length === 0) return nothing;
  const required = new Set(marks === 'required' ? resolve(schema, schemas).required : []);
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Fields">
    <table>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Type</th>
          <th scope="col">Meaning</th>
        </tr>
      </thead>
      <tbody>
        ${properties.map(([name, field]) => row(name, field, { required: required.has(name), schemas }))}
      </tbody>
    </table>
  </div>`;
}

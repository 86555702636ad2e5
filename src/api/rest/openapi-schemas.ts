import { z } from 'zod';
import type { JsonSchema } from './openapi-document.ts';
import { extensionList, extensionView, uploadExtensionRequest } from './extension.ts';
import { problemBody, problemDetail } from './problem.ts';
import { recordingList, recordingStatus, recordingView } from './recording.ts';
import {
  createSessionRequest,
  emptyRequest,
  liveViewLink,
  managedProxy,
  pageView,
  sessionList,
  sessionView,
  sessionWithPages,
} from './session.ts';

/** What callers send: unknown fields are refused, and the document says so. */
const requests = {
  CreateSessionRequest: createSessionRequest,
  ProxyRequest: managedProxy,
  EmptyRequest: emptyRequest,
  UploadExtensionRequest: uploadExtensionRequest,
};

/** What callers get: later versions may add fields, so the document does not close these. */
const answers = {
  Session: sessionView,
  SessionWithPages: sessionWithPages,
  SessionList: sessionList,
  Page: pageView,
  LiveViewLink: liveViewLink,
  Extension: extensionView,
  ExtensionList: extensionList,
  RecordingStatus: recordingStatus,
  Recording: recordingView,
  RecordingList: recordingList,
  Error: problemBody,
  ErrorDetail: problemDetail,
};

export type SchemaName = keyof typeof requests | keyof typeof answers;

export function refTo(name: SchemaName): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

type RawSchema = Record<string, unknown>;

function toSchemas(named: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'throw',
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => tidy(jsonSchema as RawSchema, io),
  });
  for (const schema of Object.values(schemas) as RawSchema[]) {
    delete schema['$schema'];
    delete schema['$id'];
  }
  return schemas as Record<string, JsonSchema>;
}

/** Bounds of JavaScript's numbers are no rule of ours, and `format` says what a UUID is. */
function tidy(schema: RawSchema, io: 'input' | 'output'): void {
  if (schema['format'] === 'uuid') delete schema['pattern'];
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum'];
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum'];
  if (io === 'output') delete schema['additionalProperties'];
}

/** All named shapes as JSON Schema, from the very schemas that requests are checked with. */
export function buildSchemas(): Readonly<Record<SchemaName, JsonSchema>> {
  return { ...toSchemas(requests, 'input'), ...toSchemas(answers, 'output') } as Record<SchemaName, JsonSchema>;
}

/** A parameter's schema; its description is the parameter's own. */
export function toParameterSchema(schema: z.ZodType): JsonSchema {
  const json = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' }) as RawSchema;
  tidy(json, 'input');
  delete json['$schema'];
  delete json['description'];
  return json;
}

import { z } from 'zod';
import type {
  ExampleObject,
  HeaderObject,
  JsonSchema,
  OpenApiDocument,
  OperationObject,
  ParameterObject,
  PathItemObject,
  ResponseObject,
} from './openapi-document.ts';
import { buildSchemas, refTo, toParameterSchema, type SchemaName } from './openapi-schemas.ts';
import { basePath, headers, idempotencyKeyForm, operations, requestIdForm, type OperationName } from './paths.ts';
import { problems, type ProblemBody, type ProblemCode } from './problem.ts';
import { recordingQuery } from './recording.ts';
import { liveViewQuery } from './session.ts';

interface Success {
  readonly status: 200 | 201 | 204 | 206 | 304;
  readonly description: string;
  readonly schema?: SchemaName;
  /** Instead of JSON: the media type of a file. */
  readonly file?: string;
  readonly headers?: Readonly<Record<string, HeaderObject>>;
}

interface Entry {
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly ParameterObject[];
  readonly body?: {
    readonly schema: SchemaName;
    readonly description: string;
    readonly required?: true;
    /** The same as a form. */
    readonly form?: JsonSchema;
  };
  readonly success: Success;
  /** What else is a success. */
  readonly also?: readonly Success[];
  /** Besides those that every operation has. */
  readonly problems: readonly ProblemCode[];
}

const exampleRequestId = '0b6f3a52-1d2c-4c8e-8a57-3f0c1d9e7b21';

const sessionId: ParameterObject = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'Id of a session of this account. Malformed, ended or unknown ones are all answered 404.',
  schema: toParameterSchema(z.uuid()),
  example: '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11',
};

const extensionId: ParameterObject = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'Id of an extension of this account; any other is answered 404.',
  schema: toParameterSchema(z.string()),
  example: 'ext-5f0c7a1be2d94c3f9a66d3f0a5b1c2d4',
};

const readOnly: ParameterObject = {
  name: 'readOnly',
  in: 'query',
  required: false,
  description: liveViewQuery.shape.readOnly.description ?? '',
  schema: toParameterSchema(liveViewQuery.shape.readOnly),
};

const whichRecording: ParameterObject = {
  name: 'recordingId',
  in: 'query',
  required: false,
  description: recordingQuery.shape.recordingId.description ?? '',
  schema: toParameterSchema(recordingQuery.shape.recordingId),
};

const rangeHeader: ParameterObject = {
  name: 'Range',
  in: 'header',
  required: false,
  description: 'One range of bytes, as RFC 9110 has it; several are answered with all of it.',
  schema: toParameterSchema(z.string()),
  example: 'bytes=0-1048575',
};

const requestId: ParameterObject = {
  name: headers.requestId,
  in: 'header',
  required: false,
  description: 'Your own name for the request; one is made if it is missing or has other characters.',
  schema: toParameterSchema(z.string().regex(requestIdForm)),
};

const idempotencyKey: ParameterObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Makes the request safe to repeat: within 24 hours the same key and body get the first answer again and create nothing. An answer of 503 forgets the key.',
  schema: toParameterSchema(z.string().regex(idempotencyKeyForm)),
  example: 'checkout-run-4711',
};

const text: JsonSchema = { type: 'string' };
const requestIdHeader = { [headers.requestId]: { description: 'As sent, or made.', schema: text } };

const recordingHeaders: Readonly<Record<string, HeaderObject>> = {
  ETag: { description: 'Changes with what is sent.', schema: text },
  'Accept-Ranges': { description: '`bytes`.', schema: text },
};

/** Every operation can be answered with these. */
const always: readonly ProblemCode[] = ['unauthorized', 'method_not_allowed', 'internal_error'];
const ofBody: readonly ProblemCode[] = [
  'invalid_request',
  'request_timeout',
  'payload_too_large',
  'unsupported_media_type',
];

const entries: Readonly<Record<OperationName, Entry>> = {
  createSession: {
    summary: 'Create a session',
    description:
      'Answers once the browser is usable: a CDP client that connects on receipt of the 201 succeeds. After any 503 nothing is left behind, and neither if the client goes away before it is answered.',
    parameters: [idempotencyKey, requestId],
    body: { schema: 'CreateSessionRequest', description: 'May be absent.' },
    success: {
      status: 201,
      description: 'The browser is usable now.',
      schema: 'Session',
      headers: {
        'Idempotency-Replayed': {
          description: '`true` when this repeats the answer to an earlier request with the same Idempotency-Key.',
          schema: { type: 'string', enum: ['true'] },
        },
      },
    },
    problems: [...ofBody, 'idempotency_conflict', 'concurrency_limit_reached', 'pool_exhausted', 'sandbox_failed'],
  },
  listSessions: {
    summary: 'List live sessions',
    description: 'Those of this account, oldest first. Ended ones are not listed. Not activity.',
    parameters: [requestId],
    success: { status: 200, description: 'The live sessions.', schema: 'SessionList' },
    problems: [],
  },
  getSession: {
    summary: 'Get a session and its open tabs',
    description: 'Not activity: reading a session does not keep it alive.',
    parameters: [sessionId, requestId],
    success: { status: 200, description: 'The session.', schema: 'SessionWithPages' },
    problems: ['not_found'],
  },
  deleteSession: {
    summary: 'End a session',
    description:
      'Whatever state it is in. When the answer arrives its place is free for the very next request. A second DELETE is a 404.',
    parameters: [sessionId, requestId],
    success: { status: 204, description: 'Gone.' },
    problems: ['not_found'],
  },
  getLiveView: {
    summary: 'Get a link to watch a session',
    description: 'A fresh link to the live view, for handing on. It dies with the session.',
    parameters: [sessionId, readOnly, requestId],
    success: { status: 200, description: 'The link.', schema: 'LiveViewLink' },
    problems: ['invalid_request', 'not_found'],
  },
  uploadExtension: {
    summary: 'Upload an extension',
    description:
      'A .zip or .crx with a `manifest.json`, of at most 50 MiB and 200 MiB unpacked. The signatures of a CRX must be right. The same bytes again are the same extension.',
    parameters: [idempotencyKey, requestId],
    body: {
      schema: 'UploadExtensionRequest',
      description: 'The file as a form or in base64.',
      required: true,
      form: {
        type: 'object',
        required: ['file'],
        properties: { file: { type: 'string', contentMediaType: 'application/octet-stream' } },
      },
    },
    success: { status: 201, description: 'It can be named by sessions from now on.', schema: 'Extension' },
    also: [{ status: 200, description: 'The account has had it before.', schema: 'Extension' }],
    problems: [...ofBody, 'idempotency_conflict', 'blobs_unavailable'],
  },
  listExtensions: {
    summary: 'List extensions',
    description: 'Those of this account, oldest first.',
    parameters: [requestId],
    success: { status: 200, description: 'The extensions.', schema: 'ExtensionList' },
    problems: [],
  },
  getExtension: {
    summary: 'Get an extension',
    description: 'What was found in it when it was uploaded.',
    parameters: [extensionId, requestId],
    success: { status: 200, description: 'The extension.', schema: 'Extension' },
    problems: ['not_found'],
  },
  deleteExtension: {
    summary: 'Delete an extension',
    description: 'Running sessions keep theirs. A second DELETE is a 404.',
    parameters: [extensionId, requestId],
    success: { status: 204, description: 'Gone.' },
    problems: ['not_found'],
  },
  startRecording: {
    summary: 'Start recording a session',
    description:
      'Records the screen from now on, whatever tab is in front. One at a time; a session with the capability `recording` is recorded from its first moment. Counts as activity.',
    parameters: [sessionId, requestId],
    body: { schema: 'EmptyRequest', description: 'May be absent.' },
    success: { status: 200, description: 'It is being recorded.', schema: 'RecordingStatus' },
    problems: [...ofBody, 'not_found', 'recording_running', 'sandbox_failed', 'blobs_unavailable'],
  },
  stopRecording: {
    summary: 'Stop recording a session',
    description:
      'When the answer arrives the MP4 is complete and stored. 404 when no recording runs. Counts as activity.',
    parameters: [sessionId, requestId],
    body: { schema: 'EmptyRequest', description: 'May be absent.' },
    success: { status: 200, description: 'It has stopped.', schema: 'RecordingStatus' },
    problems: [...ofBody, 'not_found', 'sandbox_failed'],
  },
  getRecording: {
    summary: 'Download a recording',
    description:
      'An MP4 (H.264) of a session that lives, or has ended by whatever cause, for as long as the account keeps recordings. Supports HEAD, single ranges and conditional requests.',
    parameters: [sessionId, whichRecording, rangeHeader, requestId],
    success: { status: 200, description: 'The recording.', file: 'video/mp4', headers: recordingHeaders },
    also: [
      { status: 206, description: 'The range of it.', file: 'video/mp4', headers: recordingHeaders },
      { status: 304, description: 'It is the one that If-None-Match names.' },
    ],
    problems: ['invalid_request', 'not_found', 'recording_running', 'range_not_satisfiable', 'blobs_unavailable'],
  },
  listRecordings: {
    summary: 'List the recordings of a session',
    description: 'Oldest first; also of a session that has ended, as long as any is kept. Not activity.',
    parameters: [sessionId, requestId],
    success: { status: 200, description: 'The recordings.', schema: 'RecordingList' },
    problems: ['not_found', 'blobs_unavailable'],
  },
  keepSessionAlive: {
    summary: 'Keep a session alive',
    description:
      'Counts as activity and moves `expiresAt`, never beyond the longest life of a session. Without effect before the session is ready.',
    parameters: [sessionId, requestId],
    body: { schema: 'EmptyRequest', description: 'May be absent.' },
    success: { status: 200, description: 'The session, with `expiresAt` moved.', schema: 'Session' },
    problems: [...ofBody, 'not_found', 'sandbox_failed'],
  },
};

/** One answer for each code, as it is sent. */
function exampleOf(code: ProblemCode): ProblemBody {
  const details =
    code === 'invalid_request' ? [{ path: 'timeout', message: 'must be a whole number of milliseconds' }] : [];
  const quota = code === 'concurrency_limit_reached' ? { limit: 10, current: 10 } : {};
  return { error: { code, message: problems[code].meaning, details, requestId: exampleRequestId, ...quota } };
}

const problemHeaders: Readonly<Record<number, Readonly<Record<string, HeaderObject>>>> = {
  401: { 'WWW-Authenticate': { description: 'Bearer, as RFC 6750 has it.', schema: text } },
  405: { Allow: { description: 'The methods of this path.', schema: text } },
  503: { 'Retry-After': { description: 'Seconds until a retry makes sense.', schema: { type: 'string' } } },
};

function toProblemResponse(status: number, codes: readonly ProblemCode[]): ResponseObject {
  const examples: Record<string, ExampleObject> = {};
  for (const code of codes) examples[code] = { summary: problems[code].meaning, value: exampleOf(code) };
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code].meaning}`).join('\n\n'),
    headers: { ...requestIdHeader, ...problemHeaders[status] },
    content: { 'application/json': { schema: refTo('Error'), examples } },
  };
}

function responsesOf(entry: Entry, schemas: Readonly<Record<SchemaName, JsonSchema>>): Record<string, ResponseObject> {
  const successes = [entry.success, ...(entry.also ?? [])].map(
    ({ status, description, schema, file, headers: extra }): readonly [string, ResponseObject] => {
      const json = schema && { 'application/json': withExample(schema, schemas) };
      const content = file === undefined ? json : { [file]: { schema: { type: 'string', format: 'binary' } } };
      const response = { description, headers: { ...requestIdHeader, ...extra }, ...(content ? { content } : {}) };
      return [String(status), response];
    },
  );
  const byStatus = Map.groupBy([...entry.problems, ...always], (code) => problems[code].status);
  const failures = [...byStatus].map(([s, codes]) => [String(s), toProblemResponse(s, codes)] as const);
  return Object.fromEntries<ResponseObject>([...successes, ...failures]);
}

function withExample(name: SchemaName, schemas: Readonly<Record<SchemaName, JsonSchema>>) {
  const [value] = schemas[name].examples ?? [];
  return { schema: refTo(name), ...(value === undefined ? {} : { examples: { typical: { value } } }) };
}

function tagOf(path: string): string {
  if (path.startsWith('/browser/extensions')) return 'Extensions';
  return path.includes('/recording') ? 'Recordings' : 'Sessions';
}

function toOperation(name: OperationName, schemas: Readonly<Record<SchemaName, JsonSchema>>): OperationObject {
  const entry = entries[name];
  const { body } = entry;
  return {
    operationId: name,
    tags: [tagOf(operations[name].path)],
    summary: entry.summary,
    description: entry.description,
    parameters: entry.parameters,
    ...(body && {
      requestBody: {
        required: body.required ?? false,
        description: body.description,
        content: {
          ...(body.form && { 'multipart/form-data': { schema: body.form } }),
          'application/json': withExample(body.schema, schemas),
        },
      },
    }),
    responses: responsesOf(entry, schemas),
  };
}

function buildPaths(schemas: Readonly<Record<SchemaName, JsonSchema>>): Record<string, PathItemObject> {
  const paths: Record<string, PathItemObject> = {};
  for (const name of Object.keys(operations) as OperationName[]) {
    const { method, path } = operations[name];
    paths[path] = { ...paths[path], [method]: toOperation(name, schemas) };
  }
  return paths;
}

const description = `A browser of your own, isolated in a sandbox: create a session, attach any CDP client (Playwright, Puppeteer, chromedp, …) to its \`cdpUrl\`, watch it at its \`liveViewUrl\`, delete it.

Every request carries an API key: \`Authorization: Bearer <key>\`. Bodies are JSON; times are integer epoch milliseconds; unknown body fields are refused. What belongs to another account is answered 404, exactly as what does not exist.

A session ends after \`timeout\` milliseconds without activity, by DELETE, at the longest life that its account allows, or when its browser dies for good. Activity is an attached CDP client (a silent one too), input in the live view, or a REST call that acts on the session; reading it is none.`;

/** OpenAPI 3.1 document of the REST API. `version` is Porthole's own. */
export function buildOpenApi(version: string): OpenApiDocument {
  const schemas = buildSchemas();
  return {
    openapi: '3.1.1',
    info: {
      title: 'Porthole',
      version,
      summary: 'Browser sandboxes on Kubernetes.',
      description,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [
      { url: basePath, description: 'The API.' },
      { url: '/', description: 'The same without the prefix.' },
    ],
    tags: [
      { name: 'Sessions', description: 'Browsers: create, look at, keep alive, end.' },
      { name: 'Recordings', description: 'What a browser showed, as MP4: start, stop, download.' },
      { name: 'Extensions', description: 'What browsers may load: upload, look at, delete.' },
    ],
    security: [{ apiKey: [] }],
    paths: buildPaths(schemas),
    components: {
      schemas,
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'The API key of an account.' },
      },
    },
  };
}

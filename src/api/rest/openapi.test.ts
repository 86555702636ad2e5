import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { buildOpenApi } from './openapi.ts';
import type { HttpMethod, JsonSchema, OperationObject } from './openapi-document.ts';
import { operations } from './paths.ts';
import { problemBody, problemCodes, problems } from './problem.ts';
import * as extensions from './extension.ts';
import * as recordings from './recording.ts';
import * as shapes from './session.ts';

const document = buildOpenApi('1.2.3');
const all = Object.entries(document.paths).flatMap(([path, item]) =>
  (Object.entries(item) as [HttpMethod, OperationObject][]).map(([method, operation]) => ({ path, method, operation })),
);

const zodOf: Readonly<Record<string, z.ZodType>> = {
  CreateSessionRequest: shapes.createSessionRequest,
  ProxyRequest: shapes.managedProxy,
  EmptyRequest: shapes.emptyRequest,
  Session: shapes.sessionView,
  SessionWithPages: shapes.sessionWithPages,
  SessionList: shapes.sessionList,
  Page: shapes.pageView,
  LiveViewLink: shapes.liveViewLink,
  RecordingStatus: recordings.recordingStatus,
  Recording: recordings.recordingView,
  RecordingList: recordings.recordingList,
  UploadExtensionRequest: extensions.uploadExtensionRequest,
  Extension: extensions.extensionView,
  ExtensionList: extensions.extensionList,
  Error: problemBody,
};

/** Every object in the document, with its JSON pointer. */
function* walk(value: unknown, pointer = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [pointer, value as Record<string, unknown>];
  for (const [key, member] of Object.entries(value)) yield* walk(member, `${pointer}/${key}`);
}

function lookup(ref: string): unknown {
  return ref
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document);
}

/** An upload finds what is there already; of a file a part may be asked for. */
const severalSuccesses: Readonly<Record<string, readonly string[]>> = {
  uploadExtension: ['200', '201'],
  getRecording: ['200', '206'],
};

describe('the OpenAPI document', () => {
  test('is 3.1, with both servers, security and a version', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: 'Porthole', version: '1.2.3' });
    expect(document.servers.map((s) => s.url)).toEqual(['/api/v1', '/']);
    expect(document.security).toEqual([{ apiKey: [] }]);
    expect(document.components.securitySchemes['apiKey']).toMatchObject({ type: 'http', scheme: 'bearer' });
  });

  test('has every operation once', () => {
    const expected = Object.entries(operations).map(([name, { method, path }]) => `${name} ${method} ${path}`);
    expect(all.map((o) => `${o.operation.operationId} ${o.method} ${o.path}`).sort()).toEqual(expected.sort());
  });

  test('points nowhere that is not there, and names every shape that it uses', () => {
    const refs = [...walk(document)].flatMap(([, object]) =>
      typeof object['$ref'] === 'string' ? [object['$ref']] : [],
    );
    expect(refs.length).toBeGreaterThan(20);
    for (const ref of refs) expect(lookup(ref), ref).toBeTypeOf('object');
    const named = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(named.filter((name) => !refs.includes(name))).toEqual([]);
  });

  test('is JSON through and through', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  test('keeps the keywords of other JSON Schema dialects out', () => {
    const foreign = ['nullable', '$schema', '$id', 'definitions', 'id'];
    for (const [pointer, object] of walk(document.components.schemas)) {
      if (!pointer.endsWith('/properties') && !pointer.includes('/examples'))
        expect(
          Object.keys(object).filter((k) => foreign.includes(k)),
          pointer,
        ).toEqual([]);
    }
  });

  test.each(all)('$method $path declares the parameters of its path, once each', ({ path, operation }) => {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
    const declared = operation.parameters.filter((p) => p.in === 'path');
    expect(declared.map((p) => p.name)).toEqual(inPath);
    expect(declared.every((p) => p.required)).toBe(true);
    const names = operation.parameters.map((p) => `${p.in} ${p.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(all)('$method $path has a sentence, its success and the errors it can give', ({ operation, path }) => {
    expect(operation.summary.length).toBeGreaterThan(5);
    expect(operation.description.length).toBeGreaterThan(20);
    const statuses = Object.keys(operation.responses);
    const successes = severalSuccesses[operation.operationId] ?? [expect.any(String)];
    expect(statuses.filter((s) => s.startsWith('2'))).toEqual(successes);
    expect(statuses).toEqual(expect.arrayContaining(['401', '405', '500']));
    if (path.includes('{id}')) expect(statuses).toContain('404');
    if (operation.requestBody) expect(statuses).toEqual(expect.arrayContaining(['400', '413', '415']));
    for (const response of Object.values(operation.responses)) expect(response.headers).toHaveProperty('x-request-id');
  });

  test('documents each problem code somewhere with an example of its own status', () => {
    const seen = new Set<string>();
    for (const { operation } of all) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        for (const [code, { value }] of Object.entries(content?.['application/json']?.examples ?? {})) {
          if (Number(status) < 400) continue;
          expect(problemBody.parse(value).error.code).toBe(code);
          expect(problems[code as keyof typeof problems].status).toBe(Number(status));
          seen.add(code);
        }
      }
    }
    // The HTTP parser answers this one before there is an operation.
    expect([...seen, 'headers_too_large'].sort()).toEqual([...problemCodes].sort());
  });

  test('gives examples that its own schemas take', () => {
    let examples = 0;
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      for (const example of schema.examples ?? []) {
        expect(zodOf[name]?.safeParse(example).success, name).toBe(true);
        examples += 1;
      }
    }
    expect(examples).toBeGreaterThanOrEqual(5);
  });

  test('says of requests what the validator does', () => {
    const request = document.components.schemas['CreateSessionRequest'] as JsonSchema;
    expect(request.additionalProperties).toBe(false);
    expect(request.required).toBeUndefined();
    expect(Object.keys(request.properties ?? {})).toEqual([
      'capabilities',
      'extensions',
      'proxyUrl',
      'proxy',
      'timeout',
    ]);
    expect(request.properties?.['timeout']).toMatchObject({
      type: 'integer',
      minimum: 1_000,
      maximum: 86_400_000,
      default: 900_000,
    });
    expect(request.properties?.['capabilities']?.items?.enum).toEqual(['stealth', 'recording']);
  });

  test('leaves answers open, so that a later field breaks no client', () => {
    const session = document.components.schemas['Session'] as JsonSchema;
    expect(session.additionalProperties).toBeUndefined();
    const optional = ['proxyUrl', 'proxy'];
    const always = Object.keys(session.properties ?? {}).filter((name) => !optional.includes(name));
    expect(session.required).toEqual(always);
  });
});

import type {
  HttpMethod,
  JsonSchema,
  OpenApiDocument,
  OperationObject,
  ParameterObject,
  ResponseObject,
} from '../../api/rest/openapi-document.ts';
import { markup, inline, json, nothing, prose, type Html } from './html.ts';
import { fields, nameOf, rulesOf } from './schema.ts';

/** One operation with where it hangs. */
export interface Endpoint {
  readonly method: HttpMethod;
  readonly path: string;
  readonly operation: OperationObject;
}

export function endpointsOf({ paths }: OpenApiDocument): Endpoint[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    (Object.entries(item) as [HttpMethod, OperationObject][]).map(([method, operation]) => ({
      method,
      path,
      operation,
    })),
  );
}

function firstExample(content: ResponseObject['content']): unknown {
  return Object.values(content?.['application/json']?.examples ?? {})[0]?.value;
}

function curl({ method, path, operation }: Endpoint, base: string): string {
  const url = `"$PORTHOLE${base}${path.replace('{id}', '$ID')}"`;
  const head = method === 'get' ? `curl ${url}` : `curl -X ${method.toUpperCase()} ${url}`;
  const lines = [head, `-H "Authorization: Bearer $API_KEY"`];
  const body = firstExample(operation.requestBody?.content);
  if (body !== undefined) lines.push(`-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`);
  return lines.join(' \\\n  ');
}

function parameterRow({ name, in: where, required, description, schema }: ParameterObject): Html {
  return markup`<tr>
    <th scope="row"><code>${name}</code>${required ? markup` <span class="required">required</span>` : nothing}</th>
    <td class="type">${where}</td>
    <td>
      <p>${inline(description)}</p>
      ${rulesOf(schema)}
    </td>
  </tr>`;
}

function parameters({ parameters }: OperationObject): Html {
  if (parameters.length === 0) return nothing;
  return markup`<h4>Parameters</h4>
    <div class="scroll" tabindex="0" role="region" aria-label="Parameters">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">In</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          ${parameters.map(parameterRow)}
        </tbody>
      </table>
    </div>`;
}

function requestBody({ requestBody }: OperationObject, schemas: Readonly<Record<string, JsonSchema>>): Html {
  const schema = requestBody?.content['application/json']?.schema;
  if (!requestBody || !schema) return nothing;
  return markup`<h4>Body (JSON)</h4>
    <p>${inline(requestBody.description)}</p>
    ${fields(schema, schemas, 'required')}`;
}

function answerRow([status, response]: [string, ResponseObject]): Html {
  const name = nameOf(response.content?.['application/json']?.schema ?? {});
  return markup`<tr>
    <th scope="row">${status}</th>
    <td class="type">${name === undefined ? '–' : markup`<a href="#schema-${name}">${name}</a>`}</td>
    <td>${prose(response.description)}</td>
  </tr>`;
}

function answers({ responses }: OperationObject): Html {
  const sorted = Object.entries(responses).sort(([a], [b]) => a.localeCompare(b));
  const [success] = sorted;
  const example = success && firstExample(success[1].content);
  return markup`<h4>Answers</h4>
    <div class="scroll" tabindex="0" role="region" aria-label="Answers">
      <table>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Body</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          ${sorted.map(answerRow)}
        </tbody>
      </table>
    </div>
    ${
      example === undefined
        ? nothing
        : markup`<details>
            <summary>Example of a ${success?.[0] ?? ''}</summary>
            ${json(example)}
          </details>`
    }`;
}

export function operationArticle(endpoint: Endpoint, document: OpenApiDocument): Html {
  const { method, path, operation } = endpoint;
  const base = document.servers[0]?.url ?? '';
  return markup`<article class="operation" id="${operation.operationId}" aria-labelledby="${operation.operationId}-title">
    <h3 id="${operation.operationId}-title">${operation.summary}</h3>
    <div class="endpoint">
      <span class="verb ${method}">${method.toUpperCase()}</span><span class="path">${base}${path}</span>
    </div>
    ${prose(operation.description)}
    <pre tabindex="0"><code>${curl(endpoint, base)}</code></pre>
    ${parameters(operation)} ${requestBody(operation, document.components.schemas)} ${answers(operation)}
  </article>`;
}

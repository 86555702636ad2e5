import type { OpenApiDocument } from '../../api/rest/openapi-document.ts';
import { problems } from '../../api/rest/problem.ts';
import { markup, inline, json, nothing, prose, verbatim, type Html } from './html.ts';
import { endpointsOf, operationArticle, type Endpoint } from './operation.ts';
import { fields } from './schema.ts';
import { style } from './style.ts';

const logo = verbatim(
  `<svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="14" fill="#0b5cad"/><circle cx="16" cy="16" r="9" fill="#cfe6ff"/><path d="M7.2 18.2a9 9 0 0 0 17.6 0c-2.2-1.6-4.4-1.6-6.6 0s-4.4 1.6-6.6 0-3-1.5-4.4 0z" fill="#3d8fe0"/></svg>`,
);

function icon(): string {
  const svg = logo.html.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ');
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function navigation(document: OpenApiDocument, endpoints: readonly Endpoint[]): Html {
  const links = endpoints.map(
    ({ method, operation }) =>
      markup`<li>
        <a href="#${operation.operationId}"
          ><span class="verb ${method}">${method.toUpperCase()}</span>${operation.summary}</a
        >
      </li>`,
  );
  const schemas = Object.keys(document.components.schemas).map(
    (name) => markup`<li><a href="#schema-${name}">${name}</a></li>`,
  );
  return markup`<nav aria-label="Contents">
    <a class="brand" href="#top">${logo}${document.info.title}</a>
    <p class="version">API of version ${document.info.version}</p>
    <h2>Start</h2>
    <ul>
      <li><a href="#top">Overview</a></li>
      <li><a href="#errors">Errors</a></li>
      <li><a href="openapi.json">openapi.json</a></li>
    </ul>
    <h2>Operations</h2>
    <ul>
      ${links}
    </ul>
    <h2>Shapes</h2>
    <ul>
      ${schemas}
    </ul>
  </nav>`;
}

function errors(): Html {
  const rows = Object.entries(problems).map(
    ([code, { status, meaning }]) =>
      markup`<tr>
        <th scope="row">${status}</th>
        <td class="type"><code>${code}</code></td>
        <td>${inline(meaning)}</td>
      </tr>`,
  );
  const example = {
    error: {
      code: 'invalid_request',
      message: 'timeout: must be at least 1000',
      details: [{ path: 'timeout', message: 'must be at least 1000' }],
      requestId: '0b6f3a52-1d2c-4c8e-8a57-3f0c1d9e7b21',
    },
  };
  return markup`<section id="errors" aria-labelledby="errors-title">
    <h2 id="errors-title">Errors</h2>
    <p>
      Every 4xx and 5xx has this body. The status is the contract; <code>code</code> is the stable reason within it. A
      503 says in <code>Retry-After</code> when to come back.
    </p>
    ${json(example)}
    <div class="scroll" tabindex="0" role="region" aria-label="Errors">
      <table>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Code</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}

function shapes({ components }: OpenApiDocument): Html {
  const sections = Object.entries(components.schemas).map(
    ([name, schema]) =>
      markup`<article class="operation" id="schema-${name}" aria-labelledby="schema-${name}-title">
        <h3 id="schema-${name}-title">${name}</h3>
        ${schema.description === undefined ? nothing : prose(schema.description)} ${fields(schema, components.schemas)}
      </article>`,
  );
  return markup`<h2 id="shapes">Shapes</h2>
    ${sections}`;
}

/** The API document for people: one page that needs no script and no network. */
export function renderDocs(document: OpenApiDocument): string {
  const endpoints = endpointsOf(document);
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} API</title>
        <meta name="description" content="${document.info.summary}" />
        <link rel="icon" href="${icon()}" />
        <style>${verbatim(style)}</style>
      </head>
      <body>
        <a class="skip" href="#top">Skip to content</a>
        ${navigation(document, endpoints)}
        <main id="top">
          <h1>${document.info.title} API</h1>
          <p class="lead">${document.info.summary}</p>
          ${prose(document.info.description)}
          <p>
            Paths hang under ${document.servers.map(({ url }, i) => markup`${i > 0 ? ' and ' : ''}<code>${url}</code>`)};
            in the examples <code>$PORTHOLE</code> is where this page comes from.
          </p>
          <h2 id="operations">Operations</h2>
          ${endpoints.map((endpoint) => operationArticle(endpoint, document))} ${errors()} ${shapes(document)}
          <footer>
            Made from <a href="openapi.json">openapi.json</a> (OpenAPI ${document.openapi}), which is made from the
            schemas that check each request.
          </footer>
        </main>
      </body>
    </html> `;
  return page.html;
}

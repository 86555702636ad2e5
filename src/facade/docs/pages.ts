import { hash } from 'node:crypto';
import { buildOpenApi } from '../../api/rest/openapi.ts';
import type { Page } from '../app.ts';
import { renderDocs } from './page.ts';
import { style } from './style.ts';

const anyone = { 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

/** https://www.w3.org/TR/CSP3/: the page's own style sheet, by its hash, and its icon; nothing else. */
function contentSecurityPolicy(): string {
  const styleHash = hash('sha256', style, 'base64');
  return [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** What is served without a key: the API's own description. Made once, at start. */
export function createPages(version: string): Page[] {
  const document = buildOpenApi(version);
  return [
    { path: '/', rootOnly: true, status: 302, headers: { ...anyone, location: '/docs' }, body: '' },
    {
      path: '/openapi.json',
      status: 200,
      headers: { ...anyone, 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*' },
      body: JSON.stringify(document),
    },
    {
      path: '/docs',
      status: 200,
      headers: {
        ...anyone,
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': contentSecurityPolicy(),
      },
      body: renderDocs(document),
    },
  ];
}

import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { buildOpenApi } from '../../api/rest/openapi.ts';
import { markup, inline } from './html.ts';
import { createPages } from './pages.ts';

const pages = createPages('1.2.3');
const page = (path: string) => {
  const found = pages.find((p) => p.path === path);
  if (!found) throw new Error(`no ${path}`);
  return found;
};

describe('/docs', () => {
  const { body, headers } = page('/docs');

  test('shows each operation, its path, and each error code', () => {
    for (const [path, item] of Object.entries(buildOpenApi('1.2.3').paths)) {
      expect(body).toContain(`/api/v1${path}`);
      for (const { summary, operationId } of Object.values(item)) {
        expect(body).toContain(summary);
        expect(body).toContain(`id="${operationId}"`);
      }
    }
    for (const code of ['concurrency_limit_reached', 'idempotency_conflict']) expect(body).toContain(code);
  });

  test('has a target for each of its links, and no id twice', () => {
    const ids = [...body.matchAll(/ id="([^"]+)"/g)].map((m) => m[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = [...body.matchAll(/href="#([^"]+)"/g)].map((m) => m[1]);
    expect(targets.filter((target) => !ids.includes(target))).toEqual([]);
    for (const [, id] of body.matchAll(/aria-labelledby="([^"]+)"/g)) expect(ids).toContain(id);
  });

  test('allows its own style and nothing else', () => {
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(body) ?? [];
    const policy = headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src 'sha256-${hash('sha256', style, 'base64')}'`);
    expect(body).not.toMatch(/<script| style="|(src|href)="https?:|url\(/);
  });

  test('is a document in English that fits small screens and dark rooms', () => {
    expect(body).toMatch(/^<!doctype html>\s*<html lang="en">/);
    expect(body).toContain('name="viewport"');
    expect(body).toContain('prefers-color-scheme: dark');
    expect([...body.matchAll(/<h1/g)]).toHaveLength(1);
  });
});

test('/ leads to /docs, and /openapi.json is the document', () => {
  expect(page('/')).toMatchObject({ status: 302, rootOnly: true });
  expect(page('/').headers['location']).toBe('/docs');
  expect(JSON.parse(page('/openapi.json').body)).toEqual(buildOpenApi('1.2.3'));
});

describe('markup', () => {
  test.each([
    [markup`<p>${'<b>&"\''}</p>`.html, '<p>&lt;b&gt;&amp;&quot;&#39;</p>'],
    [markup`<p>${markup`<b>x</b>`}${[markup`1`, markup`2`]}${3}</p>`.html, '<p><b>x</b>123</p>'],
    [inline('a `<b>` c').html, 'a <code>&lt;b&gt;</code> c'],
  ])('%s', (got, expected) => expect(got).toBe(expected));
});

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** Each row of the table: what goes wrong, what is seen of it, and which files test that. */
const rows = read('docs/failures.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| capability |'))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))
  .map(([capability = '', what = '', seen = '', tests = '']) => ({ capability, what, seen, tests }));

const quoted = (text: string): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

/** Problem codes, reasons, and errors of the browser: `sandbox_failed`, `UpstreamRefused`, `ERR_…`. */
const isCode = (word: string): boolean =>
  !word.startsWith('PORTHOLE_') && /^[a-z]+(_[a-z]+)+$|^([A-Z][a-z]+){2,}$|^[A-Z]+(_[A-Z]+)+$/.test(word);
const codesIn = (text: string): readonly string[] =>
  quoted(text).flatMap((word) => word.split(/[^A-Za-z_]+/).filter(isCode));

describe('docs/failures.md', () => {
  it('has rows of every capability', () => {
    const capabilities = new Set(rows.map(({ capability }) => capability));
    for (const name of ['proxies', 'extensions', 'live view', 'recording', 'stealth', 'viewport', 'pages', 'all'])
      expect(capabilities).toContain(name);
  });

  it.each(rows.map((row) => [`${row.capability}: ${row.what}`, row] as const))('%s', (_, { seen, tests }) => {
    const files = quoted(tests);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect([file, existsSync(join(root, file))]).toEqual([file, true]);
    const tested = files.map(read).join('\n');
    expect(codesIn(seen).filter((code) => !tested.includes(code))).toEqual([]);
  });
});

import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const documents = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'charts/*/*.md'], { cwd: root }).toSorted();

/** Without code blocks, which may hold anything. */
const proseOf = (document: string): string => read(document).replaceAll(/^ {0,3}(```+|~~~+)[^]*?^ {0,3}\1\s*$/gm, '');

/** As GitHub makes them: https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (document: string): readonly string[] =>
  [...proseOf(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));

/** Targets of links within the repository that lead nowhere. */
function brokenLinksOf(document: string): readonly string[] {
  const targets = [...proseOf(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? document : join(dirname(document), path);
    if (!existsSync(join(root, file))) return true;
    return anchor !== undefined && !anchorsOf(file).includes(anchor);
  });
}

/** What begins like a file or a folder of this repository, in code quotes: `src/core/quota/ledger.ts`, `charts/porthole/templates/*-access.yaml`. */
function missingFilesOf(document: string): readonly string[] {
  const quoted = [...proseOf(document).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);
  const named = quoted.filter((text) => /^(src|test|hack|docs|charts|crds|examples|images)\/[^\s…<]*$/.test(text));
  return named.filter((path) => globSync(path, { cwd: root }).length === 0);
}

describe.each(documents)('%s', (document) => {
  it('links to what is there', () => expect(brokenLinksOf(document)).toEqual([]));

  it('names files that are there', () => expect(missingFilesOf(document)).toEqual([]));
});

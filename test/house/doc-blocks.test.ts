import { describe, expect, it } from 'vitest';
import { isShown, readDocBlocks } from '../support/doc-blocks.ts';

const text = (...lines: readonly string[]): string => lines.join('\n');

describe('readDocBlocks', () => {
  it('gives the marked blocks in order, with language, options and line', () => {
    const blocks = readDocBlocks(
      text(
        '# A',
        '',
        '```sh test',
        'npm start',
        '',
        'ls',
        '```',
        '',
        '~~~js test needs=cdp slow',
        'const a = 1;',
        '~~~',
        '',
      ),
    );
    expect(blocks).toEqual([
      { language: 'sh', options: new Map(), code: 'npm start\n\nls\n', line: 4 },
      {
        language: 'js',
        options: new Map([
          ['needs', 'cdp'],
          ['slow', ''],
        ]),
        code: 'const a = 1;\n',
        line: 10,
      },
    ]);
  });

  it.each([
    ['no info string', text('```', 'x', '```')],
    ['another language word', text('```text', 'x', '```')],
    ['test as the language', text('```test', 'x', '```')],
    ['a word that only begins with test', text('```sh tests', 'x', '```')],
    ['an indented code block', text('    ```sh test', '    x', '    ```')],
    ['inline code', 'say ```sh test``` here'],
    ['a fence within a fence', text('````md', '```sh test', 'x', '```', '````')],
  ])('leaves out %s', (_, markdown) => {
    expect(readDocBlocks(markdown)).toEqual([]);
  });

  it('keeps a shorter fence within a block, and its indentation beyond the fence', () => {
    const [block] = readDocBlocks(text('  ````md test', '  ```', '    x', '  ```', '  `````'));
    expect(block?.code).toBe('```\n  x\n```\n');
  });

  it('reads lines that end as Windows ends them', () => {
    expect(readDocBlocks('```sh test\r\nls\r\n```\r\n')[0]?.code).toBe('ls\n');
  });

  it('refuses a block that is not closed', () => {
    expect(() => readDocBlocks(text('', '```sh test', 'ls'))).toThrow('begins on line 2');
  });

  it('gives a block the output that is shown below it, whatever stands between them', () => {
    const [first, second] = readDocBlocks(
      text(
        '```sh test',
        'ls',
        '```',
        'shows',
        '```text',
        'no',
        '```',
        '```text output',
        'a',
        '```',
        '~~~js test',
        '~~~',
      ),
    );
    expect([first?.output, second?.output]).toEqual(['a\n', undefined]);
  });

  it.each([
    ['there is no block', text('```sh', 'ls', '```', '```text output', 'a', '```'), 'line 5'],
    ['the block has one', text('```sh test', '```', '```json output', '```', '```json output', '```'), 'line 6'],
  ])('refuses an output where %s', (_, markdown, message) => {
    expect(() => readDocBlocks(markdown)).toThrow(message);
  });
});

describe('isShown', () => {
  it.each([
    ['a b\n', 'a b\n', true],
    ['{"id":"5f0c","n":[]}', '{\n  "id": "…",\n  "n": []\n}\n', true],
    ['a b c', 'a … c', true],
    ['a c', 'a … c', true],
    ['xa', 'a', false],
    ['ax', 'a', false],
    ['ax', 'a…', true],
    ['axb', 'a.b', false],
    ['', 'a', false],
  ])('%j is what %j shows: %j', (written, output, expected) => {
    expect(isShown(written, output)).toBe(expected);
  });
});

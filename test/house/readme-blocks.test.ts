import { describe, expect, it } from 'vitest';
import { readReadmeBlocks } from './readme-blocks.ts';

const text = (...lines: readonly string[]): string => lines.join('\n');

describe('readReadmeBlocks', () => {
  it('gives the marked blocks in order, with language, options and line', () => {
    const blocks = readReadmeBlocks(
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
    expect(readReadmeBlocks(markdown)).toEqual([]);
  });

  it('keeps a shorter fence within a block, and its indentation beyond the fence', () => {
    const [block] = readReadmeBlocks(text('  ````md test', '  ```', '    x', '  ```', '  `````'));
    expect(block?.code).toBe('```\n  x\n```\n');
  });

  it('reads lines that end as Windows ends them', () => {
    expect(readReadmeBlocks('```sh test\r\nls\r\n```\r\n')[0]?.code).toBe('ls\n');
  });

  it('refuses a block that is not closed', () => {
    expect(() => readReadmeBlocks(text('', '```sh test', 'ls'))).toThrow('begins on line 2');
  });
});

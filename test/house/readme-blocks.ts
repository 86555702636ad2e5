/**
 * Code blocks of a Markdown document that a test is to run. The convention: the word `test` in the info string of a fenced block
 * (https://spec.commonmark.org/0.31.2/#fenced-code-blocks), after the language, marks it; further words are for the test.
 *
 *     ```sh test             a shell command, run as pasted
 *     ```js test             a module, run by node
 *     ```js test needs=cdp   `needs` is up to the test that runs it
 *     ```text                not run
 */
export interface ReadmeBlock {
  /** First word of the info string. */
  readonly language: string;
  /** Words after `test`. `name=value` has its value, a bare word is an empty text. */
  readonly options: ReadonlyMap<string, string>;
  readonly code: string;
  /** Line of the document, from 1, of the block's first line of code: for messages. */
  readonly line: number;
}

interface OpenFence {
  readonly marks: string;
  readonly indent: number;
  readonly words: readonly string[];
  readonly line: number;
  readonly code: string[];
}

const opening = /^( {0,3})(`{3,}|~{3,})\s*([^`]*)$/;

function toBlock({ words: [language = '', ...words], code, line }: OpenFence): ReadmeBlock[] {
  if (words[0] !== 'test') return [];
  const options = words.slice(1).map((word) => {
    const at = word.indexOf('=');
    return at < 0 ? ([word, ''] as const) : ([word.slice(0, at), word.slice(at + 1)] as const);
  });
  return [{ language, options: new Map(options), code: `${code.join('\n')}\n`, line }];
}

function isClosing({ marks }: OpenFence, text: string): boolean {
  const trimmed = text.trim();
  return trimmed.length >= marks.length && trimmed === marks.charAt(0).repeat(trimmed.length);
}

/** The blocks marked `test`, in order. Throws when a block is not closed: what follows would silently not be run. */
export function readReadmeBlocks(markdown: string): readonly ReadmeBlock[] {
  const blocks: ReadmeBlock[] = [];
  let open: OpenFence | undefined;
  for (const [i, text] of markdown.split(/\r?\n/).entries()) {
    if (open) {
      if (isClosing(open, text)) {
        blocks.push(...toBlock(open));
        open = undefined;
      } else {
        open.code.push(text.replace(new RegExp(`^ {0,${open.indent}}`), ''));
      }
      continue;
    }
    const [, indent = '', marks, info = ''] = opening.exec(text) ?? [];
    if (marks) open = { marks, indent: indent.length, words: info.trim().split(/\s+/), line: i + 2, code: [] };
  }
  if (open) throw new Error(`the code block that begins on line ${open.line - 1} is not closed`);
  return blocks;
}

/**
 * Code blocks of a Markdown document that a test is to run. The convention: the word `test` in the info string of a fenced block
 * (https://spec.commonmark.org/0.31.2/#fenced-code-blocks), after the language, marks it; further words are for the test.
 *
 *     ```sh test             shell commands, run as pasted
 *     ```js test             a module, run by node
 *     ```sh test cluster     further words are up to the test that runs it
 *     ```text output         what the block before it writes; `…` is anything, and white space does not count
 *     ```text                not run
 */
export interface DocBlock {
  /** First word of the info string. */
  readonly language: string;
  /** Words after `test`. `name=value` has its value, a bare word is an empty text. */
  readonly options: ReadonlyMap<string, string>;
  readonly code: string;
  /** Line of the document, from 1, of the block's first line of code: for messages. */
  readonly line: number;
  /** What is said to be written; undefined: nothing is said. */
  readonly output?: string;
}

interface Fence {
  readonly words: readonly string[];
  readonly line: number;
  readonly code: readonly string[];
}

interface OpenFence extends Fence {
  readonly marks: string;
  readonly indent: number;
  readonly code: string[];
}

const opening = /^( {0,3})(`{3,}|~{3,})\s*([^`]*)$/;

const textOf = ({ code }: Fence): string => `${code.join('\n')}\n`;

function toBlock(fence: Fence): DocBlock {
  const [language = '', , ...words] = fence.words;
  const options = words.map((word) => {
    const at = word.indexOf('=');
    return at < 0 ? ([word, ''] as const) : ([word.slice(0, at), word.slice(at + 1)] as const);
  });
  return { language, options: new Map(options), code: textOf(fence), line: fence.line };
}

function isClosing({ marks }: OpenFence, text: string): boolean {
  const trimmed = text.trim();
  return trimmed.length >= marks.length && trimmed === marks.charAt(0).repeat(trimmed.length);
}

function readFences(markdown: string): readonly Fence[] {
  const fences: Fence[] = [];
  let open: OpenFence | undefined;
  for (const [i, text] of markdown.split(/\r?\n/).entries()) {
    if (open) {
      if (isClosing(open, text)) {
        fences.push(open);
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
  return fences;
}

/**
 * The blocks marked `test`, in order. Throws when a block is not closed, and when an output follows none that is run: what it says would
 * silently not be looked at.
 */
export function readDocBlocks(markdown: string): readonly DocBlock[] {
  const blocks: DocBlock[] = [];
  for (const fence of readFences(markdown)) {
    const mark = fence.words[1];
    if (mark === 'test') blocks.push(toBlock(fence));
    if (mark !== 'output') continue;
    const writer = blocks.pop();
    if (!writer || writer.output !== undefined) throw new Error(`nothing is run whose output line ${fence.line} shows`);
    blocks.push({ ...writer, output: textOf(fence) });
  }
  return blocks;
}

const withoutSpace = (text: string): string => text.replaceAll(/\s+/g, '');

/** What an output has to match, white space taken away from it. */
function toPattern(output: string): RegExp {
  const parts = withoutSpace(output).split('…');
  return new RegExp(`^${parts.map((part) => RegExp.escape(part)).join('[^]*')}$`);
}

/** Is this what the document shows? */
export function isShown(written: string, output: string): boolean {
  return toPattern(output).test(withoutSpace(written));
}

/** What stands on a command line: `--flag value`, `--flag=value`. */
export interface Arguments {
  /** By flag, e.g. `--host`. The last one counts. */
  readonly values: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

interface Flag {
  readonly flag: string;
  /** Absent when the command line ends, or goes on with another flag, before there is one. */
  readonly text: string | undefined;
  /** How many words it took. */
  readonly words: 1 | 2;
}

function readFlag(word: string, next: string | undefined): Flag | undefined {
  const [, flag, inline] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  if (flag === undefined) return undefined;
  if (inline !== undefined) return { flag, text: inline, words: 1 };
  return next === undefined || next.startsWith('--')
    ? { flag, text: undefined, words: 1 }
    : { flag, text: next, words: 2 };
}

/** Flags all take a value. What is no flag is a problem; whether a flag exists is for the caller to say. */
export function parseArguments(argv: readonly string[]): Arguments {
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (let rest = argv; rest.length > 0;) {
    const [word = '', next] = rest;
    const read = readFlag(word, next);
    if (!read) problems.push(`"${word}" is no flag; flags begin with --.`);
    else if (read.text === undefined) problems.push(`${read.flag} needs a value.`);
    else values.set(read.flag, read.text);
    rest = rest.slice(read?.words ?? 1);
  }
  return { values, problems };
}

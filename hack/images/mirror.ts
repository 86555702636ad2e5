import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The base of Debian's packages in apt's source lists, in either of their forms: sources.list(5). Undefined: none is named there. */
export function findMirror(lists: readonly string[]): string | undefined {
  const lines = lists.flatMap((text) => text.split('\n')).filter((line) => !line.trimStart().startsWith('#'));
  for (const line of lines) {
    const base = /(https?:\/\/\S+?)\/debian\/?(?=\s|$)/.exec(line)?.[1];
    if (base !== undefined) return base;
  }
  return undefined;
}

/** What this machine's own apt reads, so that images come from where its packages do. */
export function readMirror(folder = '/etc/apt'): string | undefined {
  const more = path.join(folder, 'sources.list.d');
  const listed = existsSync(more) ? readdirSync(more).sort() : [];
  const files = [path.join(folder, 'sources.list'), ...listed.map((name) => path.join(more, name))];
  return findMirror(files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8')));
}

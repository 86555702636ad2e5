import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { locateChromium } from '../../agent/chromium/locate.ts';
import { askVersion } from '../../agent/chromium/user-agent.ts';

interface Known {
  /** When the program was last changed; epoch milliseconds. */
  readonly changedAtMs: number;
  version?: string | undefined;
}

/**
 * Says the version of a browser's program, as it was when it last asked; undefined as long as it has not answered, or where there is none. It is
 * asked at once, and again when its file has changed: a distribution may put another one there.
 */
export function watchBrowserVersion(chromium: string): () => string | undefined {
  let known: Known | undefined;
  const ask = async (file: string, asked: Known): Promise<void> => {
    asked.version = await askVersion(file, { owner: undefined, home: tmpdir() });
  };
  const look = (): string | undefined => {
    const file = locateChromium(chromium);
    const changedAtMs = statSync(file).mtimeMs;
    if (known?.changedAtMs === changedAtMs) return known.version;
    known = { changedAtMs };
    void ask(file, known);
    return undefined;
  };
  const lookIfThere = (): string | undefined => {
    try {
      return look();
    } catch {
      // Whoever starts it will say so.
      return undefined;
    }
  };
  lookIfThere();
  return lookIfThere;
}

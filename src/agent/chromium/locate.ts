import { closeSync, existsSync, openSync, readSync, realpathSync } from 'node:fs';
import path from 'node:path';

function isScript(file: string): boolean {
  const start = Buffer.alloc(2);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, start);
  } finally {
    closeSync(descriptor);
  }
  return start.toString('latin1') === '#!';
}

/**
 * The program behind a distribution's start script: Debian's /usr/bin/chromium sources a folder of settings and forks a dozen
 * times, which takes 200 ms, to end in /usr/lib/chromium/chromium. `libraries` is where such programs lie; default /usr/lib.
 * Throws when there is no such file.
 */
export function locateChromium(file: string, libraries = '/usr/lib'): string {
  const real = realpathSync(file);
  const name = path.basename(real);
  const behind = path.join(libraries, name, name);
  return isScript(real) && existsSync(behind) ? behind : real;
}

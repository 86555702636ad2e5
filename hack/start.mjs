/**
 * `npm start`, the first command in a fresh clone: brings what is missing, then runs embedded mode.
 * Any Node from 18 on runs this file; the sources run on the project's own.
 */
import module from 'node:module';
import path from 'node:path';
import { runInPlace } from './bootstrap/children.mjs';
import { endWithNpm } from './bootstrap/npm-watch.mjs';
import { namedChromium } from './bootstrap/named-chromium.mjs';
import { prepare, root } from './bootstrap/prepare.mjs';

async function start() {
  const args = process.argv.slice(2);
  const onlyAsks = args.some((arg) => ['--help', '-h', '--version'].includes(arg));
  const named = namedChromium(args);
  const env = named === undefined ? process.env : { ...process.env, PORTHOLE_CHROMIUM: named };
  const prepared = await prepare({ env, withChromium: !onlyAsks });
  if (!prepared) return 1;
  endWithNpm(env);
  const main = path.join(root, 'src', 'cmd', 'main.ts');
  if (prepared.node !== process.execPath) {
    // In a group of its own, Ctrl-C reaches it once, from here, and not a second time from the terminal: a second one means hurry.
    return runInPlace(prepared.node, [main, 'embedded', ...args], { env: prepared.env, detached: true });
  }
  // Starting a second Node would cost a tenth of a second. Compiled code is kept beside what it was compiled from.
  module.enableCompileCache?.(path.join(root, 'node_modules', '.cache', 'compiled'));
  Object.assign(process.env, prepared.env);
  const { runMain } = await import('../src/cmd/main.ts');
  return runMain(['embedded', ...args], process.env);
}

process.exitCode = await start();

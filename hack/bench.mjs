/**
 * `npm run bench`: brings what is missing, then measures Porthole against baselines of the same run (docs/performance.md).
 * Any Node from 18 on runs this file; the sources run on the project's own.
 */
import { runInPlace } from './bootstrap/children.mjs';
import { prepare, root } from './bootstrap/prepare.mjs';

async function bench() {
  const args = process.argv.slice(2);
  const prepared = await prepare({ env: process.env, withChromium: !args.includes('--help') });
  if (!prepared) return 1;
  if (prepared.node !== process.execPath) {
    return runInPlace(prepared.node, [new URL(import.meta.url).pathname, ...args], { cwd: root, env: prepared.env });
  }
  Object.assign(process.env, prepared.env);
  const { runBench } = await import('./bench/main.ts');
  return runBench(args, process.env);
}

process.exitCode = await bench();

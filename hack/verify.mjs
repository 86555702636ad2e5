/**
 * `npm run verify`: the one check. Every step runs, whatever the ones before it said. `npm run verify -- --without unit` leaves out steps,
 * for whoever has just run them.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { prepare, root } from './bootstrap/prepare.mjs';

const modules = path.join(root, 'node_modules');

/** What runs, in which order: a program of the project and its arguments. */
const allSteps = [
  { name: 'generated', program: [path.join(root, 'hack/generate.ts'), '--check'], mend: 'npm run generate' },
  {
    name: 'format',
    program: [path.join(modules, 'prettier/bin/prettier.cjs'), '--check', '.'],
    mend: 'npm run format',
  },
  { name: 'lint', program: [path.join(modules, 'eslint/bin/eslint.js'), '.'] },
  { name: 'types', program: [path.join(modules, 'typescript/bin/tsc'), '--noEmit'] },
  { name: 'unused', program: [path.join(modules, 'knip/bin/knip.js')] },
  { name: 'unit', program: [path.join(modules, 'vitest/vitest.mjs'), 'run', '--project', 'unit', '--reporter=dot'] },
];

const { values } = parseArgs({ options: { without: { type: 'string', multiple: true, default: [] } } });
const without = /** @type {string[]} */ (values.without);
const unknown = without.filter((name) => !allSteps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`verify has no step ${unknown.join(', ')}; it has: ${allSteps.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const steps = allSteps.filter(({ name }) => !without.includes(name));

/**
 * @param {import('./bootstrap/prepare.mjs').Prepared} prepared
 * @returns {number} How many steps failed.
 */
function runSteps({ node, env }) {
  let failures = 0;
  for (const { name, program, mend } of steps) {
    const began = Date.now();
    const options = { cwd: root, env, encoding: /** @type {const} */ ('utf8'), maxBuffer: 2 ** 28 };
    const run = spawnSync(node, program, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    const isFine = run.status === 0;
    console.log(`${isFine ? 'ok    ' : 'FAILED'} ${name.padEnd(9)} ${seconds.padStart(6)} s`);
    if (isFine) continue;
    failures += 1;
    console.log(`${run.stdout}${run.stderr}${run.error?.message ?? ''}`.trimEnd());
    if (mend) console.log(`(${mend} mends this)`);
  }
  return failures;
}

const prepared = await prepare({ env: process.env, withChromium: true });
const failures = prepared ? runSteps(prepared) : steps.length;
console.log(
  failures === 0 ? `verify: all ${steps.length} steps are fine` : `verify: ${failures} of ${steps.length} steps failed`,
);
process.exitCode = failures === 0 ? 0 : 1;

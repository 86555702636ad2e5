/**
 * `npm test`: brings what is missing, runs all tests (or those that the arguments name, as vitest understands them) and ends
 * with a line `N passed, N failed`. `MODE=cluster npm test` runs the scenarios on a real Kubernetes control plane, `MODE=node npm test` with a
 * real kubelet and containers besides, `MODE=gvisor npm test` some of them with gVisor's; `MODE=embedded npm test` leaves out all that
 * needs one.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runInPlace } from './bootstrap/children.mjs';
import { endWithNpm } from './bootstrap/npm-watch.mjs';
import { prepare, root } from './bootstrap/prepare.mjs';
import { ensureTestTools } from './bootstrap/test-tools.mjs';
import { ensurePrograms } from './controlplane.mjs';
import { findPrograms } from './controlplane/find.mjs';
import { namesIn } from './controlplane/programs.mjs';
import { countTests, formatCount, listFailures } from './count-tests.mjs';
import { ensureRequirements, whyNoNode } from './node/requirements.mjs';
import { modeNames, planTests } from './test-projects.mjs';

/**
 * @param {string} file
 * @returns {import('./count-tests.mjs').JsonReport | undefined}
 */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param {import('./bootstrap/prepare.mjs').Prepared} prepared
 * @param {readonly string[]} chosen Arguments for vitest.
 * @returns {Promise<import('./count-tests.mjs').TestCount>}
 */
async function runTests({ node, env }, chosen) {
  const folder = mkdtempSync(path.join(tmpdir(), 'porthole-tests-'));
  const file = path.join(folder, 'report.json');
  try {
    const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const args = [vitest, 'run', ...reporters, ...chosen];
    const exitCode = await runInPlace(node, args, { cwd: root, env });
    const report = readReport(file);
    for (const failure of listFailures(report)) console.log(`FAILED: ${failure}`);
    return countTests(report, exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { MODE, ...environment } = process.env;
/** Vitest sets it for itself and for all that its tests start. */
const mode = MODE === 'test' ? undefined : MODE;

/**
 * Tests that nobody could run count as one that failed.
 * @param {string} why
 * @returns {import('./count-tests.mjs').TestCount}
 */
const failure = (why) => ({ passed: 0, failed: 1, skipped: 0, remarks: [why] });

/** @typedef {import('./test-projects.mjs').NodeSet} NodeSet */

/**
 * Why tests that need a set of programs cannot run here.
 * @param {NodeSet} set
 * @returns {string | undefined}
 */
function lackOf(set) {
  const { missing } = findPrograms(environment, namesIn(set));
  const how = set === 'control-plane' ? '' : ` -- --with ${set}`;
  if (missing.length > 0) {
    return `${missing.join(', ')} cannot be found here. npm run controlplane${how} gets what is missing (once, some minutes; needs Go)`;
  }
  return set === 'control-plane' ? undefined : whyNoNode(set === 'node' ? 'runc' : 'gvisor');
}

/**
 * Brings what is missing. Resolves with a sentence when that is not possible.
 * @param {readonly NodeSet[]} sets
 * @returns {Promise<string | undefined>}
 */
async function bring(sets) {
  if (!(await ensurePrograms(environment, sets.flatMap(namesIn)))) return 'programs are missing, see above';
  if (!sets.includes('node')) return undefined;
  const met = await ensureRequirements(sets.includes('gvisor') ? 'gvisor' : 'runc', environment);
  return 'why' in met ? met.why : undefined;
}

/** @returns {Promise<import('./count-tests.mjs').TestCount>} */
async function prepareAndRun() {
  if (mode !== undefined && !modeNames.includes(mode)) {
    return failure(`MODE=${mode} is not a way to run the tests; allowed: ${modeNames.join(', ')}`);
  }
  const prepared = await prepare({ env: environment, withChromium: true });
  endWithNpm(process.env);
  await ensureTestTools(environment);
  if (!prepared) return failure('what the tests need is missing, see above');
  const lacks = { 'control-plane': lackOf('control-plane'), node: lackOf('node'), gvisor: lackOf('gvisor') };
  const plan = planTests({
    args: process.argv.slice(2),
    mode,
    lacks,
  });
  const why = plan.needs.length > 0 ? await bring(plan.needs) : undefined;
  if (why !== undefined) return failure(`MODE=${mode}: ${why}`);
  const env = { ...prepared.env, ...(mode !== undefined && { PORTHOLE_TEST_MODE: mode }) };
  const count = await runTests({ ...prepared, env }, plan.args);
  for (const { projects, why: reason } of plan.leftOut) {
    console.log(`LEFT OUT: ${projects.join(' and ')}: ${reason}.`);
  }
  return count;
}

const count = await prepareAndRun();
for (const remark of count.remarks) console.log(`FAILED: ${remark}`);
console.log(formatCount(count));
process.exitCode = count.failed > 0 ? 1 : 0;

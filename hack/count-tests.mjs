/**
 * @typedef {object} JsonReport What vitest's JSON reporter writes (the form is Jest's): https://vitest.dev/guide/reporters
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests Skipped ones.
 * @property {number} numTodoTests
 * @property {readonly TestFile[]} testResults
 */

/** @typedef {{ name: string, status: string, assertionResults: readonly TestResult[] }} TestFile */
/** @typedef {{ status: string, fullName: string, failureMessages?: readonly string[] | null }} TestResult */

/** @typedef {{ passed: number, failed: number, skipped: number, remarks: readonly string[] }} TestCount */

/**
 * Counts tests, and as a failure each thing that went wrong apart from them: a file that could not be loaded, a run that crashed
 * (no report, or a bad exit code although every test passed), a run without a test.
 * @param {JsonReport | undefined} report
 * @param {number} exitCode Vitest's.
 * @returns {TestCount}
 */
export function countTests(report, exitCode) {
  if (!report) return { passed: 0, failed: 1, skipped: 0, remarks: [`vitest wrote no report (exit code ${exitCode})`] };
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const remarks = brokenFiles.map((file) => `${file.name} failed outside its tests`);
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  const failedTests = report.numFailedTests;
  if (passed + failedTests + remarks.length === 0) remarks.push('no test ran');
  if (exitCode !== 0 && failedTests + remarks.length === 0) {
    remarks.push(
      `vitest ended with exit code ${exitCode} although no test failed (an error outside of tests, see above)`,
    );
  }
  return { passed, failed: failedTests + remarks.length, skipped, remarks };
}

/** What a message says first; the rest is in the reporter's own words above. */
const longestMessage = 300;

/**
 * A line for each test that failed, for those who see no more than the end of a log.
 * @param {JsonReport | undefined} report
 * @returns {string[]}
 */
export function listFailures(report) {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => {
        const [said = ''] = (failureMessages?.[0] ?? '').split('\n');
        return `${name} > ${fullName}: ${said.slice(0, longestMessage)}`;
      }),
  );
}

/**
 * @param {Pick<TestCount, 'passed' | 'failed' | 'skipped'>} count
 * @returns {string}
 */
export function formatCount({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

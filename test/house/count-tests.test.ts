import { describe, expect, it } from 'vitest';
import { countTests, formatCount, listFailures } from '../../hack/count-tests.mjs';

const report = (passed: number, failed: number, more: object = {}): Parameters<typeof countTests>[0] => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...more,
});
const brokenFile = { name: 'a.test.ts', status: 'failed', assertionResults: [] };
const failedFile = {
  name: 'b.test.ts',
  status: 'failed',
  assertionResults: [
    { status: 'failed', fullName: 'a room is warm', failureMessages: ['Error: it is cold\n    at room.ts:1'] },
    { status: 'passed', fullName: 'a room is dry', failureMessages: [] },
  ],
};

describe('countTests', () => {
  it.each([
    ['all fine', report(5, 0), 0, '5 passed, 0 failed'],
    ['a failed test', report(5, 1, { testResults: [failedFile] }), 1, '5 passed, 1 failed'],
    ['skipped ones', report(5, 0, { numPendingTests: 2, numTodoTests: 1 }), 0, '5 passed, 0 failed, 3 skipped'],
    ['a file that cannot be loaded', report(5, 0, { testResults: [brokenFile] }), 1, '5 passed, 1 failed'],
    ['both', report(5, 1, { testResults: [brokenFile, failedFile] }), 1, '5 passed, 2 failed'],
    ['an error outside of tests', report(5, 0), 1, '5 passed, 1 failed'],
    ['no test', report(0, 0), 0, '0 passed, 1 failed'],
    ['no report', undefined, 134, '0 passed, 1 failed'],
  ])('%s', (_name, written, exitCode, line) => {
    const count = countTests(written, exitCode);
    expect(formatCount(count)).toBe(line);
    const testsThatFailed = written?.numFailedTests ?? 0;
    expect(count.remarks).toHaveLength(count.failed - testsThatFailed);
  });
});

describe('listFailures', () => {
  it('names each test that failed, and what it said first', () => {
    expect(listFailures(report(5, 1, { testResults: [brokenFile, failedFile] }))).toEqual([
      'b.test.ts > a room is warm: Error: it is cold',
    ]);
    expect(listFailures(undefined)).toEqual([]);
  });
});

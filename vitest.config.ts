import { defineConfig } from 'vitest/config';

interface ProjectOptions {
  readonly testTimeout?: number;
  readonly hookTimeout?: number;
  readonly env?: Record<string, string>;
}

const project = (name: string, include: string[], test: ProjectOptions = {}) => ({
  test: {
    ...{ name, include, testTimeout: 60_000, hookTimeout: 120_000 },
    // Most of most files is waiting. More at once would need more than the memory and the two cores of a small machine.
    maxWorkers: 2,
    // An upper limit, as `patience` of test/support: one second is not enough on a machine that is busy.
    expect: { poll: { timeout: 20_000 } },
    ...test,
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', ['src/**/*.test.ts'], { testTimeout: 30_000 }),
      project('contract', ['test/contract/**/*.test.ts']),
      project('house', ['test/house/**/*.test.ts'], { testTimeout: 300_000 }),
      project('scenario', ['test/scenario/**/*.test.ts'], { testTimeout: 120_000 }),
      project('cluster', ['test/cluster/**/*.test.ts'], {
        testTimeout: 300_000,
        hookTimeout: 300_000,
      }),
      project('scenario-cluster', ['test/scenario/**/*.test.ts'], {
        testTimeout: 180_000,
        env: { PORTHOLE_TEST_MODE: 'cluster' },
      }),
      project('node', ['test/node/**/*.test.ts'], {
        testTimeout: 600_000,
        hookTimeout: 900_000,
        env: { PORTHOLE_TEST_MODE: 'node' },
      }),
      project('scenario-node', ['test/scenario/**/*.test.ts'], {
        testTimeout: 300_000,
        hookTimeout: 900_000,
        env: { PORTHOLE_TEST_MODE: 'node' },
      }),
      // Where the kernel is gVisor's: what differs then. The rest is the same programs on the same API.
      project(
        'scenario-gvisor',
        ['attach', 'delete', 'isolation', 'pages'].map((name) => `test/scenario/${name}.test.ts`),
        {
          testTimeout: 300_000,
          hookTimeout: 900_000,
          env: { PORTHOLE_TEST_MODE: 'gvisor' },
        },
      ),
    ],
  },
});

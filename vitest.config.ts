import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The crash tests take minutes and are small files, which would come last: then one worker has nothing to do meanwhile. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => /\/crash\.[^/]*$/.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  // `await using` is not in Node 20.
  oxc: { target: 'node20' },
  test: {
    sequence: { sequencer: LongestFirst },
    // The machines are shared: a limit is for what never comes, not for what comes late.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/e2e/**/*.test.ts'],
          exclude: ['**/*.mysql.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          // Each file keeps servers busy that have two cores between them; the unit tests run before.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          // Apart, because its servers are large and take long to start: they are, if one of these files is to run.
          name: 'mysql',
          include: ['test/{integration,e2e}/**/*.mysql.test.ts'],
          globalSetup: ['test/support/mysql-global-setup.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

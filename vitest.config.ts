import { defineConfig } from 'vitest/config';

export default defineConfig({
  // `await using` is not in Node 20.
  oxc: { target: 'node20' },
  test: {
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
          testTimeout: 60_000,
          hookTimeout: 120_000,
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
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

// A vitest reporter that writes the counts of a run, and a line for each failure, into the file that WATCHER_TALLY names, for
// tools/setup.mjs. The lines are printed last of all, so that a log that is cut off at the front still says what failed.

import { writeFileSync } from 'node:fs';

/** The first line of what went wrong. */
function reason(/** @type {ReadonlyArray<{ message?: string }>} */ errors) {
  return (errors[0]?.message ?? 'no error was told').split('\n', 1)[0].slice(0, 300);
}

/** A line for each test of the module that failed, and one for the module if it failed without them. */
function failures(/** @type {import('vitest/node').TestModule} */ module) {
  const lines = [...module.children.allTests('failed')].map(
    (test) =>
      `${module.relativeModuleId} > ${test.fullName}: ${reason(test.result().errors ?? [])}`,
  );
  const suites = [...module.children.allSuites()].flatMap((suite) => suite.errors());
  const errors = [...module.errors(), ...suites];
  return errors.length === 0 ? lines : [...lines, `${module.relativeModuleId}: ${reason(errors)}`];
}

export default class TallyReporter {
  onTestRunEnd(
    /** @type {ReadonlyArray<import('vitest/node').TestModule>} */ modules,
    /** @type {ReadonlyArray<{ message: string }>} */ unhandled,
  ) {
    let passed = 0;
    let failed = 0;
    const lines = modules.flatMap(failures);
    if (unhandled.length > 0)
      lines.push(`${unhandled.length} errors outside the tests, the first: ${reason(unhandled)}`);
    for (const module of modules) {
      const tests = [...module.children.allTests()].map((test) => test.result().state);
      const broken = tests.filter((state) => state === 'failed').length;
      passed += tests.filter((state) => state === 'passed').length;
      // A file that does not load, or whose hooks fail, has failed without a test that did.
      failed += module.state() === 'failed' ? Math.max(broken, 1) : broken;
    }
    const file = process.env.WATCHER_TALLY;
    if (file !== undefined) writeFileSync(file, JSON.stringify({ passed, failed, lines }));
  }
}

// A vitest reporter that writes the counts of a run into the file that WATCHER_TALLY names, for tools/setup.mjs.

import { writeFileSync } from 'node:fs';

export default class TallyReporter {
  onTestRunEnd(/** @type {ReadonlyArray<import('vitest/node').TestModule>} */ modules) {
    let passed = 0;
    let failed = 0;
    for (const module of modules) {
      const tests = [...module.children.allTests()].map((test) => test.result().state);
      const broken = tests.filter((state) => state === 'failed').length;
      passed += tests.filter((state) => state === 'passed').length;
      // A file that does not load, or whose hooks fail, has failed without a test that did.
      failed += module.state() === 'failed' ? Math.max(broken, 1) : broken;
    }
    const file = process.env.WATCHER_TALLY;
    if (file !== undefined) writeFileSync(file, JSON.stringify({ passed, failed }));
  }
}

// The start of every npm script: `node tools/setup.mjs <task> [arguments]`.
//
// It brings `node_modules` up to date, then runs the task's steps. Plain JavaScript on Node's built-ins alone, because it runs
// before anything is installed; and no npm `pre` scripts, because `ignore-scripts=true` turns those off.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const minimumNode = [20, 19];
const reporter = join(root, 'tools', 'tally-reporter.mjs');
const tally = join(root, '.cache', `tally-${process.pid}.json`);

const biome = ['biome', 'node_modules/@biomejs/biome/bin/biome', 'check', '.'];
const dockerfile = [
  'dockerfile-utils',
  'node_modules/dockerfile-utils/bin/dockerfile-utils',
  'lint',
  'Dockerfile',
];
const tsc = ['tsc', 'node_modules/typescript/bin/tsc', '-p'];
const tsx = (/** @type {string} */ file) => [file, '--import', 'tsx', file];
const vitest = ['vitest', 'node_modules/vitest/vitest.mjs', 'run'];

/** The dashboard: its modules for the browser, and what goes beside them as it is. Everybody serves it from dist/web. */
const web = [
  [...tsc, 'src/web/tsconfig.json'],
  ['web', '-e', "fs.cpSync('src/web/static', 'dist/web', { recursive: true })"],
];
const compile = [...tsc, 'tsconfig.json'];
const build = [...web, compile];

/** Each step: a name to report, then the arguments of `node`. The task's own arguments go to its last step. */
const tasks = {
  bench: [...build, tsx('tools/bench/main.ts')],
  build,
  check: [biome, dockerfile, ...web, [...tsc, 'tsconfig.test.json']],
  demo: [...build, tsx('tools/demo.ts')],
  dev: [...web, tsx('src/cli.ts')],
  openapi: [tsx('tools/openapi.ts')],
  test: [biome, [...tsc, 'tsconfig.test.json'], vitest],
  testenv: [tsx('tools/testenv/main.ts')],
  'test:unit': [...web, [...vitest, '--project', 'unit']],
};

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > minimumNode[0] || (major === minimumNode[0] && minor >= minimumNode[1])) return;
  console.error(
    `Watcher needs Node ${minimumNode.join('.')} or later; this is ${process.version} (${process.execPath}).`,
  );
  process.exit(1);
}

/** The packages that a lock file names, without the project itself. */
function lockedPackages(/** @type {string} */ file) {
  const { packages } = JSON.parse(readFileSync(join(root, file), 'utf8'));
  return Object.entries(packages).filter(([path]) => path !== '');
}

/**
 * Whether what npm installed is what the lock file asks for. npm writes `node_modules/.package-lock.json` last, so an
 * installation that was cut off, or one without development packages, is not taken for a whole one.
 */
function isInstalled() {
  let installed;
  try {
    installed = new Map(lockedPackages('node_modules/.package-lock.json'));
  } catch {
    return false;
  }
  const same = (/** @type {any} */ a, /** @type {any} */ b) =>
    a?.version === b.version && a?.integrity === b.integrity;
  return lockedPackages('package-lock.json').every(
    ([path, locked]) =>
      (locked.optional && !installed.has(path)) || same(installed.get(path), locked),
  );
}

/** npm as it was called, so that the same npm installs; else the one on the PATH. */
function npm(/** @type {string[]} */ ...args) {
  const cli = process.env.npm_execpath;
  return cli !== undefined && basename(cli) === 'npm-cli.js'
    ? { command: process.execPath, args: [cli, ...args] }
    : { command: 'npm', args };
}

/** The npm that called us. The scripts `exec` us, because a shell between would not hand npm's SIGTERM on. */
const parent = process.env.npm_lifecycle_event === undefined ? undefined : process.ppid;

/** Whether that npm is gone, for example killed by a time limit: nobody waits for us any more. */
function orphaned() {
  return parent !== undefined && process.ppid !== parent;
}

/**
 * Runs a program to its end and answers its exit code.
 *
 * The program shares our terminal and process group: a Ctrl-C reaches it directly, and we only wait. A signal that was sent to
 * this process alone is handed on. npm repeats the terminal's SIGINT to us, which is why it is handed on only without one.
 */
function run(/** @type {string} */ command, /** @type {string[]} */ args, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' });
    let forwardedAt = -Infinity;
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      const now = performance.now();
      if ((signal === 'SIGINT' && isatty(0)) || now - forwardedAt < 1_000) return;
      forwardedAt = now;
      child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const watch = setInterval(() => {
      if (orphaned()) child.kill('SIGTERM');
    }, 500);
    const finish = (/** @type {number} */ code, /** @type {NodeJS.Signals | null} */ signal) => {
      clearInterval(watch);
      for (const each of signals) process.removeListener(each, forward);
      if (signal !== null) process.kill(process.pid, signal);
      else resolve(code);
    };
    child.once('error', (error) => {
      console.error(`${command} did not start: ${error.message}`);
      finish(127, null);
    });
    child.once('exit', finish);
  });
}

async function install() {
  if (isInstalled()) return;
  console.error('Installing the packages of package-lock.json …');
  // NODE_ENV=production would leave the tools out; no package here needs an install script.
  const { command, args } = npm(
    'ci',
    '--include=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
  );
  const code = await run(command, args);
  if (code !== 0) process.exit(code);
}

/** A line for each failure, then `N passed, N failed`: the tests, each failed check, and each test file that did not load. */
function printTally(/** @type {number} */ failedChecks, /** @type {boolean} */ testsFailed) {
  let counts = { passed: 0, failed: 0, lines: [] };
  try {
    counts = JSON.parse(readFileSync(tally, 'utf8'));
  } catch (error) {
    console.error(`The test run left no result: ${error instanceof Error ? error.message : error}`);
  }
  for (const line of counts.lines) console.log(`Failed: ${line}`);
  // An error outside every test fails the run without failing a test.
  const failed = testsFailed ? Math.max(counts.failed, 1) : counts.failed;
  console.log(`${counts.passed} passed, ${failed + failedChecks} failed`);
}

async function test(/** @type {string[]} */ args) {
  let failedChecks = 0;
  if (args.length === 0) {
    for (const [name, ...step] of [...tasks.check, compile]) {
      if ((await run(process.execPath, step)) === 0) continue;
      console.error(`${name}: failed`);
      failedChecks += 1;
    }
  }
  mkdirSync(join(root, '.cache'), { recursive: true });
  const ownReporter = args.some((arg) => arg.startsWith('--reporter'));
  const reporters = ownReporter ? [] : ['--reporter=default', `--reporter=${reporter}`];
  const environment = { ...process.env, WATCHER_TALLY: tally };
  const code = await run(
    process.execPath,
    [...vitest.slice(1), ...reporters, ...args],
    environment,
  );
  if (!ownReporter) printTally(failedChecks, code !== 0);
  rmSync(tally, { force: true });
  return code === 0 && failedChecks > 0 ? 1 : code;
}

async function main(/** @type {string | undefined} */ task, /** @type {string[]} */ args) {
  requireNode();
  const steps =
    task !== undefined && Object.hasOwn(tasks, task)
      ? tasks[/** @type {keyof typeof tasks} */ (task)]
      : undefined;
  if (steps === undefined) {
    console.error(`Usage: node tools/setup.mjs ${Object.keys(tasks).sort().join('|')} [arguments]`);
    return 2;
  }
  await install();
  if (task === 'test') return test(args);
  for (const [index, [, ...step]] of steps.entries()) {
    const code = await run(
      process.execPath,
      index === steps.length - 1 ? [...step, ...args] : step,
    );
    if (code !== 0) return code;
  }
  return 0;
}

process.exitCode = await main(process.argv[2], process.argv.slice(3));

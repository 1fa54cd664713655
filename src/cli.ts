#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import type { Surroundings } from './cli/surroundings.ts';
import { runCommandLine } from './commands.ts';

// Beside the folder of this file, from the sources as well as from dist.
const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

const { stdout, stderr } = process;

// `watcher status | head`: whoever reads no more has seen enough.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const writeOut = (text: string) => stdout.write(text);
const writeErr = (text: string) => stderr.write(text);

const surroundings: Surroundings = {
  env: process.env,
  // Colours on a terminal only, and as NO_COLOR and FORCE_COLOR say.
  style: (format, text) => styleText(format, text, { stream: stdout, validateStream: true }),
  out: writeOut,
  err: writeErr,
  size: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : null),
  readFile: (path) => readFileSync(path, 'utf8'),
  pauseMs: 1_000,
  interrupted() {
    const controller = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => controller.abort());
    }
    return controller.signal;
  },
};

process.exitCode = await runCommandLine(process.argv.slice(2), {
  version,
  // Loaded when they are needed: a `status` starts no database driver.
  actions: {
    run: async (options) => (await import('./main.ts')).run(options),
    check: async (options) => (await import('./check.ts')).check(options),
    status: async (options) => (await import('./cli/status.ts')).status(options, surroundings),
    order: async (options) => (await import('./cli/order.ts')).order(options, surroundings),
    reload: async (options) => (await import('./cli/reload.ts')).reload(options, surroundings),
  },
  writeOut,
  writeErr,
});

#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { check } from './check.ts';
import { runCommandLine } from './commands.ts';
import { run } from './main.ts';

// Beside the folder of this file, from the sources as well as from dist.
const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

process.exitCode = await runCommandLine(process.argv.slice(2), {
  version,
  actions: { run, check },
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
});

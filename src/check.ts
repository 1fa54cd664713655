import { hostname } from 'node:os';
import type { CommandOptions } from './commands.ts';
import { readConfigFile } from './config/load.ts';
import { formatViolation } from './config/report.ts';

/** @returns the exit code: 2 when the configuration is invalid. */
export async function check({ configFile }: CommandOptions): Promise<number> {
  const result = readConfigFile(configFile, { env: process.env, hostname: hostname() });
  if ('config' in result) return 0;
  for (const violation of result.violations) {
    process.stderr.write(`${formatViolation(configFile, violation)}\n`);
  }
  return 2;
}

import { spawn } from 'node:child_process';
import type { Account } from './account.ts';

export interface RunOptions {
  readonly cwd?: string;
  readonly account?: Account | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/** More than this is not meant to be held in memory: whoever asks for it has asked for too much. */
const maxOutput = 64 * 2 ** 20;

/**
 * Runs a program to its end and answers what it printed on stdout. Throws with the end of its output when it fails, and when it
 * prints more than 64 Mi characters.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}) {
  return new Promise<string>((resolve, reject) => {
    // The server's account has to be able to read what is installed, whatever our own umask.
    const child = spawn('/bin/sh', ['-c', 'umask 022; exec "$@"', 'sh', command, ...args], {
      ...options.account,
      cwd: options.cwd ?? '/',
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let end = '';
    const keep = (text: string) => {
      end = (end + text).slice(-2_000);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      keep(text);
      if (stdout.length <= maxOutput) return;
      child.kill('SIGKILL');
      child.stdout.destroy();
      reject(new Error(`${command} printed more than ${maxOutput} characters:\n${end}`));
    });
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${command} ended with ${code ?? signal}:\n${end.trim()}`));
    });
  });
}

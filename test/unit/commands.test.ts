import { expect, test } from 'vitest';
import { type CommandOptions, runCommandLine } from '../../src/commands.ts';
import { WatcherError } from '../../src/errors.ts';

async function call(args: string[], outcome: () => Promise<number> = async () => 0) {
  const calls: [string, CommandOptions][] = [];
  let out = '';
  let err = '';
  const action = (name: string) => (options: CommandOptions) => {
    calls.push([name, options]);
    return outcome();
  };
  const exitCode = await runCommandLine(args, {
    version: '1.2.3',
    actions: { run: action('run'), check: action('check') },
    writeOut: (text) => {
      out += text;
    },
    writeErr: (text) => {
      err += text;
    },
  });
  return { exitCode, calls, out, err };
}

test.each([
  [['run', '-c', 'f.yml'], 'run'],
  [['-c', 'f.yml'], 'run'],
  [['--config-file', 'f.yml'], 'run'],
  [['--config-file=f.yml'], 'run'],
  [['check', '-c', 'f.yml'], 'check'],
])('%j calls %s', async (args, name) => {
  expect(await call(args)).toMatchObject({
    exitCode: 0,
    calls: [[name, { configFile: 'f.yml' }]],
    err: '',
  });
});

test.each([0, 1, 2])('the exit code of the action is that of the program: %i', async (code) => {
  expect((await call(['-c', 'f'], async () => code)).exitCode).toBe(code);
});

test.each([
  [[], /required option '-c, --config-file <path>'/],
  [['check'], /required option '-c, --config-file <path>'/],
  [['-c'], /argument missing/],
  [['-c', 'f', '--nope'], /unknown option '--nope'/],
  [['-c', 'f', 'extra'], /too many arguments/],
  [['chekc', '-c', 'f'], /./],
])('%j is wrong usage', async (args, message) => {
  const { exitCode, calls, err } = await call(args);
  expect({ exitCode, calls }).toEqual({ exitCode: 2, calls: [] });
  expect(err).toMatch(message);
  expect(err).toContain('watcher --help');
});

test.each([[['--help']], [['-h']], [['help']]])('%j shows the help', async (args) => {
  const { exitCode, calls, out } = await call(args);
  expect({ exitCode, calls }).toEqual({ exitCode: 0, calls: [] });
  expect(out).toMatch(/run.*check.*Exit codes/s);
});

test('--version shows the version', async () => {
  expect(await call(['--version'])).toMatchObject({ exitCode: 0, calls: [], out: '1.2.3\n' });
});

test('an error of the action is a failure, with its remedy', async () => {
  const fails = () => Promise.reject(new WatcherError('no_tables', { message: 'M', remedy: 'R' }));
  expect(await call(['-c', 'f'], fails)).toMatchObject({ exitCode: 1, err: 'watcher: M\nR\n' });
});

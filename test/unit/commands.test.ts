import { expect, test } from 'vitest';
import { CommandFailed } from '../../src/cli/failure.ts';
import { runCommandLine } from '../../src/commands.ts';
import { WatcherError } from '../../src/errors.ts';

async function call(args: string[], outcome: () => Promise<number> = async () => 0) {
  const calls: [string, object][] = [];
  let out = '';
  let err = '';
  const action = (name: string) => (options: object) => {
    calls.push([name, options]);
    return outcome();
  };
  const exitCode = await runCommandLine(args, {
    version: '1.2.3',
    actions: {
      run: action('run'),
      check: action('check'),
      status: action('status'),
      order: action('order'),
      reload: action('reload'),
    },
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

test.each([
  [['status'], 'status', { name: null }],
  [['status', 'shop', '--json'], 'status', { name: 'shop', json: true }],
  [
    ['status', '-w', '--url', 'http://h:1/p'],
    'status',
    { name: null, watch: true, url: 'http://h:1/p' },
  ],
  [
    ['start', 'shop', '--ca', 'ca.pem'],
    'order',
    { order: 'start', name: 'shop', tables: [], ca: 'ca.pem' },
  ],
  [['stop', 'shop'], 'order', { order: 'stop', name: 'shop', tables: [] }],
  [['dump', 'shop'], 'order', { order: 'dump', name: 'shop', tables: [] }],
  [
    ['dump', '--table', 'public.a', '-t', 'public.b', 'shop'],
    'order',
    { order: 'dump', name: 'shop', tables: ['public.a', 'public.b'] },
  ],
  [['reload'], 'reload', {}],
  [['reload', '--dry-run'], 'reload', { dryRun: true }],
])('%j calls %s', async (args, name, options) => {
  expect(await call(args)).toMatchObject({ exitCode: 0, err: '', calls: [[name, options]] });
  expect((await call(args)).calls[0]?.[1]).toEqual(options);
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
  [['chekc', '-c', 'f'], /unknown command 'chekc'; the nearest known one is check/],
  [['stauts'], /the nearest known one is status/],
  [['start'], /missing required argument 'name'/],
  [['start', 'a', 'b'], /too many arguments/],
  [['start', 'a', '--table', 't'], /unknown option '--table'/],
  [['dump', 'a', '--table'], /argument missing/],
  [['status', '--url'], /argument missing/],
  [['reload', 'a'], /too many arguments/],
])('%j is wrong usage', async (args, message) => {
  const { exitCode, calls, err } = await call(args);
  expect({ exitCode, calls }).toEqual({ exitCode: 2, calls: [] });
  expect(err).toMatch(message);
  expect(err).toContain('watcher --help');
});

test.each([[['--help']], [['-h']], [['help']]])('%j shows the help', async (args) => {
  const { exitCode, calls, out } = await call(args);
  expect({ exitCode, calls }).toEqual({ exitCode: 0, calls: [] });
  expect(out).toMatch(/run.*check.*status.*start.*stop.*dump.*reload.*WATCHER_TOKEN.*Exit codes/s);
});

test('--version shows the version', async () => {
  expect(await call(['--version'])).toMatchObject({ exitCode: 0, calls: [], out: '1.2.3\n' });
});

test('an error of the action is a failure, with its remedy', async () => {
  const fails = () => Promise.reject(new WatcherError('no_tables', { message: 'M', remedy: 'R' }));
  expect(await call(['-c', 'f'], fails)).toMatchObject({ exitCode: 1, err: 'watcher: M\nR\n' });
});

test.each([1, 2] as const)('a command that failed has its own exit code: %i', async (exitCode) => {
  const fails = () => Promise.reject(new CommandFailed('M', 'R', { exitCode }));
  expect(await call(['status'], fails)).toMatchObject({ exitCode, err: 'watcher: M\nR\n' });
});

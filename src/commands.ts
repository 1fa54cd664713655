/** The command line (SPEC §3): arguments → a call and its exit code. */
import { Command, CommanderError } from 'commander';
import { toWatcherError } from './errors.ts';

export interface CommandOptions {
  /** Path of the configuration file, as it was given. */
  readonly configFile: string;
}

/** Each resolves to the exit code: 0 done, 1 it failed, 2 the configuration is invalid. */
export interface Actions {
  readonly run: (options: CommandOptions) => Promise<number>;
  readonly check: (options: CommandOptions) => Promise<number>;
}

export interface CommandLine {
  readonly version: string;
  readonly actions: Actions;
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
}

const failed = 1;
const wrongUsage = 2;

/**
 * @param args Without the program and the script.
 * @returns the exit code; wrong usage is 2.
 */
export async function runCommandLine(args: readonly string[], line: CommandLine): Promise<number> {
  let exitCode = 0;
  const program = createProgram(line, async (action, options) => {
    exitCode = await action(options);
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version end parsing by an error too, whose exit code is 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : wrongUsage;
    const { message, remedy } = toWatcherError(error);
    line.writeErr(`watcher: ${message}\n${remedy}\n`);
    return failed;
  }
}

type Invoke = (action: Actions['run'], options: CommandOptions) => Promise<void>;

function createProgram(line: CommandLine, invoke: Invoke): Command {
  const program = new Command('watcher')
    .description('Supplies etcd v3 with the rows of databases, exactly once and in order.')
    .usage('[run | check] -c <path>')
    .version(line.version)
    .exitOverride()
    .configureOutput({ writeOut: line.writeOut, writeErr: line.writeErr })
    .showHelpAfterError(
      'Try "watcher --help"; sample/watcher.yml is a sample of the configuration.',
    );
  program
    .command('run', { isDefault: true })
    .description('run the service')
    .requiredOption('-c, --config-file <path>', 'configuration file (YAML)')
    .action((options: CommandOptions) => invoke(line.actions.run, options));
  program
    .command('check')
    .description('validate the configuration, and every database and etcd in it')
    .requiredOption('-c, --config-file <path>', 'configuration file (YAML)')
    .action((options: CommandOptions) => invoke(line.actions.check, options));
  return program.addHelpText(
    'after',
    '\nExit codes: 0 done; 1 it failed; 2 wrong usage or invalid configuration.',
  );
}

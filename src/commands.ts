/** The command line (SPEC §3): arguments → a call and its exit code. */
import { Command, CommanderError } from 'commander';
import { closest } from 'fastest-levenshtein';
import { CommandFailed } from './cli/failure.ts';
import type { OrderOptions } from './cli/order.ts';
import type { ReloadOptions } from './cli/reload.ts';
import type { StatusOptions } from './cli/status.ts';
import type { RemoteOptions } from './cli/surroundings.ts';
import { toWatcherError } from './errors.ts';

export interface CommandOptions {
  /** Path of the configuration file, as it was given. */
  readonly configFile: string;
}

/** Each resolves to the exit code: 0 done, 1 it failed, 2 the configuration is invalid. */
export interface Actions {
  readonly run: (options: CommandOptions) => Promise<number>;
  readonly check: (options: CommandOptions) => Promise<number>;
  readonly status: (options: StatusOptions) => Promise<number>;
  readonly order: (options: OrderOptions) => Promise<number>;
  readonly reload: (options: ReloadOptions) => Promise<number>;
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
  const program = createProgram(line, async (call) => {
    exitCode = await call;
  });
  try {
    refuseUnknown(program, args[0]);
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version end parsing by an error too, whose exit code is 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : wrongUsage;
    const { message, remedy } = error instanceof CommandFailed ? error : toWatcherError(error);
    line.writeErr(`watcher: ${message}\n${remedy}\n`);
    return error instanceof CommandFailed ? error.exitCode : failed;
  }
}

/** Without it a misspelt command would be an argument too many of the default one, which first asks for its file. */
function refuseUnknown(program: Command, name: string | undefined): void {
  const known = [...program.commands.map((command) => command.name()), 'help'];
  if (name === undefined || name.startsWith('-') || known.includes(name)) return;
  program.error(
    `error: unknown command '${name}'; the nearest known one is ${closest(name, known)}`,
  );
}

type Await = (call: Promise<number>) => Promise<void>;

function createProgram(line: CommandLine, finish: Await): Command {
  const program = new Command('watcher')
    .description('Supplies etcd v3 with the rows of databases, exactly once and in order.')
    .usage('[run | check] -c <path> | <command> [options]')
    .version(line.version)
    .exitOverride()
    .configureOutput({ writeOut: line.writeOut, writeErr: line.writeErr })
    .showHelpAfterError(
      'Try "watcher --help"; sample/watcher.yml is a sample of the configuration.',
    );
  addLocal(program, line.actions, finish);
  addStatus(program, line.actions, finish);
  addOrders(program, line.actions, finish);
  addReload(program, line.actions, finish);
  return program.addHelpText('after', notes);
}

const notes = `
status, start, stop, dump and reload talk to a running Watcher at --url or WATCHER_URL, with the token in WATCHER_TOKEN.

Exit codes: 0 done; 1 it failed; 2 wrong usage or invalid configuration.`;

/** Those that read the configuration file themselves. */
function addLocal(program: Command, { run, check }: Actions, finish: Await): void {
  program
    .command('run', { isDefault: true })
    .description('run the service')
    .requiredOption('-c, --config-file <path>', 'configuration file (YAML)')
    .action((options: CommandOptions) => finish(run(options)));
  program
    .command('check')
    .description('validate the configuration, and every database and etcd in it')
    .requiredOption('-c, --config-file <path>', 'configuration file (YAML)')
    .action((options: CommandOptions) => finish(check(options)));
}

function addStatus(program: Command, { status }: Actions, finish: Await): void {
  remote(program.command('status'))
    .description('show the syncs, or everything of one')
    .argument('[name]', 'name of a sync')
    .option('-w, --watch', 'follow what changes, until Ctrl-C')
    .action((name: string | undefined, options: RemoteOptions & { watch?: boolean }) =>
      finish(status({ ...options, name: name ?? null })),
    );
}

const orders = [
  ['start', 'start a sync; one that has failed tries at once'],
  ['stop', 'stop a sync: its slot and its keys stay'],
  ['dump', 'copy the tables of a sync anew, while readers are served'],
] as const;

function addOrders(program: Command, actions: Actions, finish: Await): void {
  for (const [order, description] of orders) {
    const command = remote(program.command(order))
      .description(description)
      .argument('<name>', 'name of a sync')
      .action((name: string, { table = [], ...options }: RemoteOptions & { table?: string[] }) =>
        finish(actions.order({ ...options, order, name, tables: table })),
      );
    if (order !== 'dump') continue;
    const collect = (table: string, tables: readonly string[] = []) => [...tables, table];
    command.option('-t, --table <schema.table>', 'only this table; repeat it for more', collect);
  }
}

function addReload(program: Command, { reload }: Actions, finish: Await): void {
  remote(program.command('reload'))
    .description('read the configuration file again, in the instance that is asked')
    .option('--dry-run', 'say what would be done, and change nothing')
    .action((options: ReloadOptions) => finish(reload(options)));
}

/** The options of every command that talks to a running Watcher. */
function remote(command: Command): Command {
  return command
    .option('--url <url>', 'where it is (default: WATCHER_URL, or http://127.0.0.1:8080)')
    .option('--ca <path>', 'certificate authority to trust (PEM file)')
    .option('--json', 'print what the API answered');
}

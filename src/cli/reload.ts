/** `watcher reload` */
import type { ConfigReloadJson } from '../api/schemas/config.ts';
import { Refused } from './answers.ts';
import { connect } from './client.ts';
import { CommandFailed } from './failure.ts';
import { reloadLines } from './reload-text.ts';
import type { RemoteOptions, Surroundings } from './surroundings.ts';

export interface ReloadOptions extends RemoteOptions {
  readonly dryRun?: boolean;
}

/** @returns the exit code. @throws CommandFailed, with exit code 2 when the configuration is invalid. */
export async function reload(options: ReloadOptions, around: Surroundings): Promise<number> {
  const { dryRun = false } = options;
  const client = connect(options, around);
  const path = `/v1/config/reload${dryRun ? '?dry_run=true' : ''}`;
  const answer = await client.post(path).catch((error: unknown) => {
    throw error instanceof Refused ? withViolations(error) : error;
  });
  const text =
    options.json === true
      ? JSON.stringify(answer, null, 2)
      : reloadLines(answer as ConfigReloadJson, around.style).join('\n');
  around.out(`${text}\n`);
  return 0;
}

/** Every violation, as `watcher check` prints them; the file is one of the instance that was asked. */
function withViolations(refused: Refused): CommandFailed {
  const { violations = [], title = '' } = refused.problem ?? {};
  if (violations.length === 0) return refused;
  const lines = violations.map(({ path, line, message }) =>
    [line === null ? '' : `line ${line}`, path, message].filter((part) => part !== '').join(': '),
  );
  const failure = new CommandFailed([title, ...lines].join('\n  '), refused.remedy, {
    exitCode: refused.exitCode,
  });
  return new Refused(failure, refused.problem);
}

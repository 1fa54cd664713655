/** `watcher start|stop|dump <name>` */
import type { SyncJson } from '../api/schemas/sync.ts';
import { connect } from './client.ts';
import { printable } from './quantities.ts';
import type { RemoteOptions, Surroundings } from './surroundings.ts';
import { callOn } from './sync-calls.ts';
import { stateCell } from './sync-text.ts';

export interface OrderOptions extends RemoteOptions {
  readonly order: 'start' | 'stop' | 'dump';
  readonly name: string;
  /** `schema.table` names; empty: all. Only for `dump`. */
  readonly tables: readonly string[];
}

/** @returns the exit code. The order is durable in etcd by then; acting on it follows. @throws CommandFailed */
export async function order(options: OrderOptions, around: Surroundings): Promise<number> {
  const { name, tables } = options;
  const client = connect(options, around);
  const body = tables.length === 0 ? undefined : { tables };
  const answer = await callOn(client, name, (path) =>
    client.post(`${path}/${options.order}`, body),
  );
  if (options.json === true) {
    around.out(`${JSON.stringify(answer, null, 2)}\n`);
    return 0;
  }
  const sync = answer as SyncJson;
  const { text, format } = stateCell(sync);
  const state = format === undefined ? text : around.style(format, text);
  const next = `watcher status ${name} --watch`;
  around.out(
    `${printable(name)}: ${options.order} is ordered; it is ${state} now\n${around.style('dim', next)}\n`,
  );
  return 0;
}

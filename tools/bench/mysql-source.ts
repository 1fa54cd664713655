/** The log and the table of MySQL or MariaDB without etcd: by the programs of its own project, and by Watcher's driver. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/options.ts';
import type { Change, Relation } from '../../src/replication/change.ts';
import type { RowChunk } from '../../src/replication/driver.ts';
import type { MysqlPosition } from '../../src/replication/position.ts';
import type { RowMapper } from '../../src/replication/row-mapper.ts';
import { isFull } from '../../src/replication/row-mapper.ts';
import type { MysqlServer } from '../testenv/mysql.ts';
import { nothingStaged, type PlainFigures, silent, tableName } from './database.ts';
import { type Figure, measure } from './figures.ts';
import { ownCpuSeconds } from './processes.ts';

type DriverModule = typeof import('../../src/drivers/mysql/driver.ts');
type StreamModule = typeof import('../../src/drivers/mysql/stream.ts');
type RowMapperModule = typeof import('../../src/replication/row-mapper.ts');

export interface MysqlSource {
  readonly server: MysqlServer;
  readonly database: string;
  readonly keyPrefix: string;
}

/** A module as it is built, and runs: what a loader makes of the sources is slower. */
async function built<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../../dist/${path}`, import.meta.url).href)) as Module;
}

async function driverOf({ server, database }: MysqlSource) {
  const options: MysqlDriverOptions = {
    sync: 'bench',
    host: server.host,
    port: server.port,
    databases: [database],
    user: server.user,
    password: server.password,
    tls: { mode: 'disable', ca: null },
    serverId: 4_000_000_001,
    matches: (_, table) => table === tableName,
    excludesColumn: () => false,
    keyColumns: {},
    numbers: 'number',
    parallel: 2,
    dumpMethod: 'native',
    dumpProgram: null,
    path: '',
    onUnloggedCascade: 'refuse',
    logger: silent,
  };
  const { createMysqlDriver } = await built<DriverModule>('drivers/mysql/driver.js');
  const { streamBinlog } = await built<StreamModule>('drivers/mysql/stream.js');
  return createMysqlDriver(options, streamBinlog);
}

/** The programs are children of this process, and the driver runs in it. */
async function measureReader(
  rows: number,
  { server }: MysqlSource,
  work: () => Promise<unknown>,
): Promise<Figure> {
  const before = await ownCpuSeconds(process.pid);
  const figure = await measure(rows, { source: server.pid }, work);
  return { ...figure, readerCpu: (await ownCpuSeconds(process.pid)) - before };
}

/** Reads these files of the log by `mysqlbinlog`: as they are, and as text. */
export async function readByProgram(
  source: MysqlSource,
  files: readonly string[],
  rows: number,
): Promise<PlainFigures> {
  const program = source.server.programs?.binlog;
  if (program === undefined) return { copied: null, printed: null };
  const from = [`--defaults-file=${source.server.optionFile}`, '--read-from-remote-server'];
  // It writes files only, under the names of the server's.
  const dir = await mkdtemp(join(tmpdir(), 'watcher-bench-'));
  try {
    for (const file of files) await symlink('/dev/null', join(dir, file));
    const run = (args: readonly string[]) =>
      measureReader(rows, source, () => toNothing(program, [...from, ...args, ...files]));
    return {
      copied: await run(['--raw', `--result-file=${dir}/`]),
      printed: await run(['-vv']),
    };
  } finally {
    await rm(dir, { recursive: true });
  }
}

export async function dumpByProgram(source: MysqlSource, rows: number): Promise<PlainFigures> {
  const { server, database } = source;
  const program = server.programs?.dump;
  if (program === undefined) return { copied: null, printed: null };
  const args = [
    `--defaults-file=${server.optionFile}`,
    '--single-transaction',
    // MySQL's own warns that there are GTIDs.
    ...(server.flavour === 'mysql' ? ['--set-gtid-purged=OFF'] : []),
    database,
  ];
  const work = () => toNothing(program, [...args, tableName]);
  return { copied: null, printed: await measureReader(rows, source, work) };
}

async function toNothing(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

/** Reads the log by Watcher's driver, and makes key and value of every row, as bytes. */
export async function readByDriver(
  source: MysqlSource,
  position: MysqlPosition,
  rows: number,
): Promise<Figure> {
  const driver = await driverOf(source);
  const stop = new AbortController();
  const { createRowMapper } = await built<RowMapperModule>('replication/row-mapper.js');
  const throwAway = bytesOfRows((relation) => createRowMapper(relation, source.keyPrefix));
  try {
    const { identity } = await driver.prepare(null, stop.signal);
    const from = { position, identity, partial: null };
    return await measureReader(rows, source, async () => {
      let seen = 0;
      for await (const batch of driver.stream(from, stop.signal, nothingStaged)) {
        for (const message of batch) {
          if (message.type !== 'transaction') continue;
          for (const change of message.changes) throwAway(change);
          seen += message.changes.length;
        }
        if (seen > rows) break;
      }
    });
  } finally {
    await driver.close();
  }
}

/** What the sink does with rows before they are sent. */
function bytesOfRows(mapperOf: (relation: Relation) => RowMapper): (change: Change) => void {
  const bytes = Buffer.allocUnsafe(64 * 1024);
  let mapper: RowMapper | null = null;
  return (change) => {
    if (change.op !== 'insert' || !isFull(change.row)) throw new Error(`${change.op} was not made`);
    if (mapper?.relation !== change.relation) mapper = mapperOf(change.relation);
    bytes.write(mapper.valueOf(change.row), bytes.write(mapper.keyOf(change.row)));
  };
}

export async function dumpByDriver(
  source: MysqlSource,
  rows: number,
  take: (chunk: RowChunk) => void,
): Promise<Figure> {
  const driver = await driverOf(source);
  const never = new AbortController().signal;
  try {
    await driver.prepare(null, never);
    return await measureReader(rows, source, async () => {
      for await (const chunk of (await driver.dump(never)).chunks) take(chunk);
    });
  } finally {
    await driver.close();
  }
}

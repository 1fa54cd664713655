/** The binlog of a server as files, by its own mysqlbinlog, and our decoder over them. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BinlogDecoder, type BinlogEvent } from '../../src/drivers/mysql/binlog/decode.ts';
import { type EventHeader, parseHeader } from '../../src/drivers/mysql/binlog/header.ts';
import type { SharedMysqlServer } from './mysql-global-setup.ts';

export type HeadedEvent = BinlogEvent & { readonly header: EventHeader };

const magicBytes = 4;
const headerBytes = 19;
const sizeOffset = 9;

/** Every event of a file; the views in them stay valid. `programs`: MySQL 5.6 comes without. */
export async function readBinlog(
  server: SharedMysqlServer,
  file: string,
  programs = server.programs,
): Promise<HeadedEvent[]> {
  const { optionFile, host, port, user, password } = server;
  if (programs === undefined || optionFile === undefined)
    throw new Error('a server of our own is needed');
  const folder = await mkdtemp(join(tmpdir(), 'binlog-'));
  try {
    const ownLogin = [`--defaults-file=${optionFile}`];
    // The tool of another server does not know all that is in the file.
    const plainLogin = ['--no-defaults', `--host=${host}`, `--port=${port}`, `--user=${user}`];
    const login = programs === server.programs ? ownLogin : plainLogin;
    const args = [...login, '--read-from-remote-server', '--raw', `--result-file=${folder}/`, file];
    await promisify(execFile)(programs.binlog, args, {
      env: { ...process.env, MYSQL_PWD: password },
    });
    const [name = ''] = await readdir(folder);
    return decodeFile(await readFile(join(folder, name)));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function decodeFile(bytes: Buffer): HeadedEvent[] {
  const decoder = new BinlogDecoder('crc32');
  const events: HeadedEvent[] = [];
  for (let at = magicBytes; at + headerBytes <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + sizeOffset);
    const event = bytes.subarray(at, at + size);
    events.push({ ...decoder.decode(event), header: parseHeader(event) });
    at += size;
  }
  return events;
}

/** Several connections that change the tables at random, in transactions that overlap. */
import { setTimeout as delay } from 'node:timers/promises';
import type mysql from 'mysql2/promise';
import type { MysqlTestDatabase } from '../../../support/mysql-database.ts';
import { createRandom, type Random } from '../random.ts';
import type { RandomWriter } from '../source.ts';
import { type Change, type Step, smallChanges } from './changes.ts';
import { largeChange, refill } from './large-changes.ts';
import { truncateSql } from './log-text.ts';
import { firstFreeRid, tableNames } from './schema.ts';

export interface WriterOptions {
  readonly database: MysqlTestDatabase;
  readonly seed: number;
  readonly connections: number;
}

/** A key that is taken: the statement is undone, the transaction goes on. */
const duplicate = 1062;

/** Deadlock, lock timeout, a definition that has changed, a row that has (MariaDB 11): what happens to writers that overlap. */
const expectedErrors = new Set([1213, 1205, 1412, 1020]);

/** Of XA END, where a deadlock or a timeout has ended the XA transaction already. */
const endedErrors = new Set([1399, 1402, 1613, 1614]);

interface Shared {
  readonly database: string;
  running: boolean;
  committed: number;
  rolledBack: number;
  transactions: number;
  largeWanted: number;
  truncatesBulk: boolean;
  restMs: number;
  nextRid: number;
}

export async function startRandomWriter(options: WriterOptions): Promise<RandomWriter> {
  const { database, seed } = options;
  const shared: Shared = {
    database: database.name,
    running: true,
    committed: 0,
    rolledBack: 0,
    transactions: 0,
    largeWanted: 0,
    truncatesBulk: false,
    restMs: 0,
    nextRid: firstFreeRid,
  };
  const clients = await Promise.all(
    Array.from({ length: options.connections }, () => database.connect()),
  );
  const work = clients.map((client, index) =>
    write(client, createRandom(seed * 31 + index), shared),
  );
  const done = Promise.all(work);
  const failure = new Promise<never>((_, reject) => done.catch(reject));
  failure.catch(() => {});
  return {
    get committed() {
      return shared.committed;
    },
    get rolledBack() {
      return shared.rolledBack;
    },
    failure,
    mayTruncateBulk() {
      shared.truncatesBulk = true;
    },
    rest(restMs) {
      shared.restMs = restMs;
    },
    wantLarge() {
      shared.largeWanted += 1;
    },
    async stop() {
      shared.running = false;
      await done;
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}

async function write(client: mysql.Connection, random: Random, shared: Shared) {
  await client.query('SET SESSION innodb_lock_wait_timeout = 2, lock_wait_timeout = 2');
  // With READ COMMITTED there are no locks on gaps: other transactions overlap.
  const level = random.chance(0.5) ? 'READ COMMITTED' : 'REPEATABLE READ';
  await client.query(`SET SESSION TRANSACTION ISOLATION LEVEL ${level}`);
  while (shared.running) {
    const large = shared.largeWanted > 0 || random.chance(0.001);
    if (large && shared.largeWanted > 0) shared.largeWanted -= 1;
    const rollBack = random.chance(large ? 0.1 : 0.12);
    const plan = { large, truncates: random.chance(0.004), rollBack };
    const isXa = !plan.truncates && random.chance(large ? 0.2 : 0.02);
    try {
      await (isXa ? xaTransaction : transaction)(client, random, plan, shared);
      if (rollBack) shared.rolledBack += 1;
      else shared.committed += 1;
    } catch (error) {
      if (!expectedErrors.has(errnoOf(error))) throw error;
      await client.query('ROLLBACK');
      shared.rolledBack += 1;
    }
    // Not all: the log outruns etcd also so, and what is committed is read again.
    if (random.chance(0.5)) await delay(10 + random.below(shared.restMs + 1));
  }
}

function errnoOf(error: unknown): number {
  return error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
}

interface Plan {
  readonly large: boolean;
  readonly truncates: boolean;
  readonly rollBack: boolean;
}

async function transaction(
  client: mysql.Connection,
  random: Random,
  plan: Plan,
  shared: Shared,
): Promise<void> {
  const begin = () => beginChange(client, random, shared);
  if (!plan.large && !plan.truncates && !plan.rollBack && random.chance(0.3)) {
    // A statement of its own: the shortest transaction there is.
    await random.pick(smallChanges)(begin());
    return;
  }
  let change = begin();
  await client.query('BEGIN');
  await steps(client, random, change);
  if (plan.truncates) {
    const tables = tableNames.filter((name) => name !== 'bulk' || shared.truncatesBulk);
    // What was done so far is committed with it.
    await client.query(truncateSql(shared.database, random.pick(tables)));
    change = begin();
    await client.query('BEGIN');
    await refill(change);
  }
  if (plan.large) await largeChange(change);
  if (plan.large || plan.truncates) await steps(client, random, change);
  await client.query(plan.rollBack ? 'ROLLBACK' : 'COMMIT');
}

async function steps(client: mysql.Connection, random: Random, change: Change): Promise<void> {
  const step = () => random.pick(smallChanges)(change);
  const count = 1 + random.below(5);
  for (let index = 0; index < count; index++) {
    if (random.chance(0.1)) await undone(client, step);
    else await step();
  }
}

/** Its rows are in the log before its outcome is (MySQL 5.7 and MariaDB 10.5, and later). */
async function xaTransaction(
  client: mysql.Connection,
  random: Random,
  plan: Plan,
  shared: Shared,
): Promise<void> {
  const change = beginChange(client, random, shared);
  const xid = `'${shared.database}-${change.txn}'`;
  await client.query(`XA START ${xid}`);
  try {
    await steps(client, random, change);
    if (plan.large) await largeChange(change);
    await client.query(`XA END ${xid}`);
  } catch (error) {
    await endXa(client, xid);
    throw error;
  }
  if (random.chance(0.1)) {
    await client.query(plan.rollBack ? `XA ROLLBACK ${xid}` : `XA COMMIT ${xid} ONE PHASE`);
    return;
  }
  await client.query(`XA PREPARE ${xid}`);
  await delay(random.below(random.chance(0.1) ? 500 : 20));
  await client.query(plan.rollBack ? `XA ROLLBACK ${xid}` : `XA COMMIT ${xid}`);
}

async function endXa(client: mysql.Connection, xid: string): Promise<void> {
  await client.query(`XA END ${xid}`).catch((error: unknown) => {
    if (!endedErrors.has(errnoOf(error))) throw error;
  });
  await client.query(`XA ROLLBACK ${xid}`);
}

function beginChange(client: mysql.Connection, random: Random, shared: Shared): Change {
  shared.transactions += 1;
  return {
    async run(sql, values) {
      try {
        await client.query(sql, values);
      } catch (error) {
        if (errnoOf(error) !== duplicate) throw error;
      }
    },
    random,
    txn: shared.transactions,
    rid(count = 1) {
      shared.nextRid += count;
      return shared.nextRid - count;
    },
  };
}

/** A step that a savepoint takes back. */
async function undone(client: mysql.Connection, step: () => ReturnType<Step>): Promise<void> {
  await client.query('SAVEPOINT undone');
  await step();
  await client.query('ROLLBACK TO undone');
}

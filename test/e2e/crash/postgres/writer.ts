/** Several connections that change the tables at random, in transactions that overlap. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { TestDatabase } from '../../../support/database.ts';
import { createRandom, type Random } from '../random.ts';
import type { RandomWriter } from '../source.ts';
import { type Change, smallChanges } from './changes.ts';
import { largeChange, truncate } from './large-changes.ts';

export interface WriterOptions {
  readonly database: TestDatabase;
  readonly seed: number;
  readonly connections: number;
}

/** Connections that commit together do so this often; often enough the end of one commit is the start of another. */
const trainMs = 30;

/** Deadlock, unique violation, lock timeout, TRUNCATE with deferred checks pending: what happens to writers that overlap. */
const expectedErrors = new Set(['40P01', '23505', '55P03', '55006']);

interface Shared {
  running: boolean;
  committed: number;
  rolledBack: number;
  transactions: number;
  largeWanted: number;
  truncatesBulk: boolean;
  restMs: number;
  /** Resolves when the next train of commits leaves. */
  train: Promise<void>;
}

export async function startRandomWriter(options: WriterOptions): Promise<RandomWriter> {
  const shared: Shared = {
    running: true,
    committed: 0,
    rolledBack: 0,
    transactions: 0,
    largeWanted: 0,
    truncatesBulk: false,
    restMs: 0,
    train: Promise.resolve(),
  };
  const clients = await Promise.all(
    Array.from({ length: options.connections }, () => options.database.connect()),
  );
  const work = clients.map((client, index) =>
    write(client, createRandom(options.seed * 31 + index), shared),
  );
  void runTrains(shared);
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

async function runTrains(shared: Shared): Promise<void> {
  while (shared.running) {
    shared.train = delay(trainMs);
    await shared.train;
  }
}

async function write(client: pg.Client, random: Random, shared: Shared) {
  await client.query(`SET lock_timeout = '2s'`);
  while (shared.running) {
    shared.transactions += 1;
    const large = shared.largeWanted > 0 || random.chance(0.003);
    if (large && shared.largeWanted > 0) shared.largeWanted -= 1;
    const rollBack = random.chance(large ? 0.1 : 0.12);
    try {
      await transaction(client, random, {
        txn: shared.transactions,
        large,
        truncates: random.chance(0.004),
        includingBulk: shared.truncatesBulk,
        rollBack,
        boards: random.chance(0.6) ? () => shared.train : async () => {},
      });
      if (rollBack) shared.rolledBack += 1;
      else shared.committed += 1;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !expectedErrors.has(error.code ?? ''))
        throw error;
      await client.query('ROLLBACK');
      shared.rolledBack += 1;
    }
    // Bursts without a pause, so that commits stand side by side in the log.
    if (random.chance(0.5)) await delay(random.below(shared.restMs + 1));
  }
}

interface Plan {
  readonly txn: number;
  readonly large: boolean;
  readonly truncates: boolean;
  readonly includingBulk: boolean;
  readonly rollBack: boolean;
  /** Awaited before the commit. */
  readonly boards: () => Promise<void>;
}

async function transaction(client: pg.Client, random: Random, plan: Plan): Promise<void> {
  const run: Change['run'] = (sql, values) => client.query(sql, values);
  const step = () => random.pick(smallChanges)({ run, random, txn: plan.txn });
  if (!plan.large && !plan.truncates && !plan.rollBack && random.chance(0.3)) {
    // A statement of its own: the shortest transaction there is.
    await step();
    return;
  }
  await client.query('BEGIN');
  const count = 1 + random.below(5);
  for (let index = 0; index < count; index++) {
    if (random.chance(0.1)) await undone(client, step);
    else await step();
  }
  if (plan.truncates) await truncate({ run, random, txn: plan.txn }, plan.includingBulk);
  if (plan.large) await largeChange({ run, random, txn: plan.txn });
  if (plan.large || plan.truncates) await step();
  await plan.boards();
  await client.query(plan.rollBack ? 'ROLLBACK' : 'COMMIT');
}

/** A step that a savepoint takes back. */
async function undone(client: pg.Client, step: () => Promise<void>): Promise<void> {
  await client.query('SAVEPOINT undone');
  await step();
  await client.query('ROLLBACK TO undone');
}

/** The sink without a source: ready-made batches, one write in flight, as the pipeline has it. */

import { createServerLimits } from '../../src/etcd/limits.ts';
import { createEtcdSink } from '../../src/etcd/sink.ts';
import { createRowMapper } from '../../src/replication/row-mapper.ts';
import { canMerge, Section } from '../../src/replication/section.ts';
import type { Checkpoint, KeyOp, SinkLimits } from '../../src/replication/sink.ts';
import type { Database } from './database.ts';
import { type Figure, measure } from './figures.ts';
import type { Etcd } from './lab.ts';

/** The rows of the table as the operations that Watcher makes of them. */
export async function readOps(database: Database, rows: number): Promise<KeyOp[]> {
  const ops: KeyOp[] = [];
  const { keyPrefix } = database;
  await database.driverDump(rows, ({ relation, rows: images }) => {
    const mapper = createRowMapper(relation, keyPrefix);
    for (const image of images) {
      const op = { kind: 'put', key: mapper.keyOf(image), value: mapper.valueOf(image) } as const;
      // The length makes a string of what is still a tree of its parts: batches are to be ready-made.
      if (Buffer.byteLength(op.key) + Buffer.byteLength(op.value) > 0) {
        ops.push({ ...op, prefix: keyPrefix });
      }
    }
  });
  return ops;
}

/** Source transactions of `per` rows each, as many in a batch as fit: what the writer does when the log is ahead of it. */
function group(ops: readonly KeyOp[], per: number, limits: SinkLimits): Section[] {
  let batch = new Section();
  const batches = [batch];
  for (let at = 0; at < ops.length; at += per) {
    const transaction = new Section();
    for (const op of ops.slice(at, at + per)) transaction.add(op);
    if (!batch.isEmpty && !canMerge(batch, transaction, limits)) {
      batch = new Section();
      batches.push(batch);
    }
    batch.merge(transaction);
  }
  return batches;
}

export interface SinkFigure extends Figure {
  readonly batches: number;
  readonly averageValueBytes: number;
}

/** @param per rows of a source transaction, which goes into one batch; 1 makes every batch as large as etcd takes it. */
export async function writeAlone(
  etcd: Etcd,
  ops: readonly KeyOp[],
  per: number,
): Promise<SinkFigure> {
  const { client, server } = etcd;
  const limits = createServerLimits();
  const sink = createEtcdSink({
    client,
    limits,
    statePrefix: '/watcher',
    sync: 'bench',
    writerId: 'bench',
  });
  const never = new AbortController().signal;
  await sink.load(never);
  const batches = group(ops, per, sink.limits).map((section, index) => ({
    ops: section.ops,
    clears: [],
    sweeps: [],
    checkpoint: checkpointAt(index),
    tables: null,
  }));
  const figure = await measure(ops.length, { etcd: server.pid }, async () => {
    for (const batch of batches) await sink.write(batch, never);
  });
  const bytes = ops
    .slice(0, 1000)
    .reduce((sum, op) => sum + (op.kind === 'put' ? op.value.length : 0), 0);
  return {
    ...figure,
    batches: batches.length,
    averageValueBytes: bytes / Math.min(1000, ops.length),
  };
}

function checkpointAt(index: number): Checkpoint {
  return {
    version: 1,
    phase: 'stream',
    position: { lsn: `0/${(index + 1).toString(16).toUpperCase()}` },
    committed_at: '2020-01-01T00:00:00.000Z',
    source: { system: '7000000000000000000', timeline: 1, database: 16384, publication: 16385 },
    options: {
      include: ['public.*'],
      exclude: [],
      columns_exclude: [],
      key_columns: {},
      template: '/{sync}/{schema}/{table}/{key}',
      numbers: 'number',
    },
    dump: { started_at: '2020-01-01T00:00:00.000Z', finished_at: '2020-01-01T00:00:00.000Z' },
    partial: null,
  };
}

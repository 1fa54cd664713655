/** What an attempt tells, put where it is looked at: the status, the metrics, the log. */
import type { PipelineEvents, StreamControl } from './attempt.ts';
import type { SyncEvent } from './lifecycle.ts';
import type { Log } from './log.ts';
import type { SyncObserver } from './status.ts';
import type { SyncBoard } from './sync-board.ts';
import type { DurableBatch } from './writer.ts';

export interface AttemptAudience {
  readonly name: string;
  readonly board: SyncBoard;
  readonly observer: SyncObserver;
  readonly log: Log;
}

/** What of it changes what the replicator does next. */
export interface AttemptSteps {
  transition(event: SyncEvent): void;
  streaming(control: StreamControl): void;
  durable(): void;
  dumped(): void;
}

export function attemptEvents(audience: AttemptAudience, steps: AttemptSteps): PipelineEvents {
  const { name, board, observer, log } = audience;
  return {
    prepared: ({ tables, excluded, warnings }) => {
      board.warnings = warnings;
      const names = tables.map(({ relation }) => `${relation.schema}.${relation.table}`);
      board.progress.keep(new Set([...names, ...excluded.map(({ table }) => table)]));
      board.progress.meet(names);
      for (const { table } of excluded) board.progress.know(table, 'excluded', 0, null);
      log.info({ tables: tables.length, excluded: excluded.length }, 'the source is ready');
    },
    warnings: (warnings) => {
      board.warnings = warnings;
    },
    loaded: (state) => board.loaded(state),
    dumping: (cause) => {
      log.info({ cause: cause?.message ?? null }, 'the dump begins');
      if (cause !== null) {
        board.failed(cause, null);
        observer.error(name, cause.code);
      }
      steps.transition('dump');
    },
    streaming: (control) => {
      log.info({}, 'the stream begins');
      steps.transition('stream');
      board.oldestPending = () => control.oldestPending();
      steps.streaming(control);
    },
    received: (message) => board.received(message),
    durable: (batch) => {
      steps.durable();
      board.durable(batch);
      count(audience, batch);
    },
    dumpedRows: (rows) => observer.rows(name, 'dump', rows),
    dumped: () => {
      log.info({}, 'the dump is done');
      steps.dumped();
    },
  };
}

function count(
  { observer, name }: AttemptAudience,
  { tally, transactions, seconds }: DurableBatch,
): void {
  observer.etcdTxn(name, seconds);
  observer.transactions(name, transactions);
  observer.rows(name, 'insert', tally.inserts);
  observer.rows(name, 'update', tally.updates);
  observer.rows(name, 'delete', tally.deletes);
  observer.rows(name, 'truncate', tally.truncates);
}

/** A sync as the API shows it (SPEC §8, "A sync"). */
import Type, { type Static } from 'typebox';
import { syncStates } from '../../replication/lifecycle.ts';
import { Count, component, nullable, reference, Seconds, strict, Time } from './atoms.ts';

const PostgresPosition = Type.Object(
  { lsn: Type.String({ description: 'A PostgreSQL LSN.' }) },
  { ...strict, title: 'PostgreSQL' },
);

const MysqlPosition = Type.Object(
  { gtid: nullable(Type.String()), file: Type.String(), offset: Count },
  { ...strict, title: 'MySQL and MariaDB' },
);

const Position = nullable(Type.Union([PostgresPosition, MysqlPosition]));

export const State = Type.Enum([...syncStates], {
  type: 'string',
  description:
    '`starting`: connecting and checking. `backing_off`: an attempt failed, another follows at `last_error.retry_at`. ' +
    '`standby`: another instance leads. `failed`: it waits for a person; `start` tries again.',
});

const TableDump = Type.Object(
  {
    table: Type.String({ description: '`schema.table`' }),
    state: Type.Enum(['pending', 'running', 'done', 'failed', 'excluded'], { type: 'string' }),
    rows: Count,
    rows_estimated: nullable(Count),
  },
  strict,
);

const Dump = Type.Object(
  {
    state: Type.Enum(['none', 'running', 'done', 'interrupted', 'failed'], { type: 'string' }),
    started_at: nullable(Time),
    finished_at: nullable(Time),
    percent: nullable(Type.Number({ minimum: 0, maximum: 100 })),
    eta_seconds: nullable(Seconds),
    tables: Type.Array(TableDump),
  },
  { ...strict, description: 'The last dump.' },
);

const CounterValues = Type.Object(
  {
    transactions: Count,
    inserts: Count,
    updates: Count,
    deletes: Count,
    truncates: Count,
    puts: Count,
    etcd_txns: Count,
    bytes: Count,
  },
  { ...strict, description: 'Since this leadership began. `bytes`: of the requests sent to etcd.' },
);

const WarningEntry = Type.Object(
  {
    code: Type.String(),
    message: Type.String(),
    remedy: Type.String(),
    table: nullable(Type.String({ description: '`schema.table`' })),
  },
  strict,
);

export const LastErrorEntry = Type.Object(
  {
    code: Type.String(),
    message: Type.String(),
    remedy: Type.String(),
    at: Time,
    retry_at: nullable(Time),
  },
  { ...strict, description: '`null` after the next durable write.' },
);

export const Sync = component(
  'Sync',
  Type.Object(
    {
      name: Type.String(),
      driver: Type.Enum(['pgx', 'mysql'], { type: 'string' }),
      state: State,
      desired: Type.Enum(['running', 'stopped'], { type: 'string' }),
      instance: nullable(Type.String({ description: 'The instance that leads.' })),
      position: Position,
      source_position: Position,
      lag: Type.Object(
        {
          bytes: nullable(Count),
          seconds: nullable(Seconds),
        },
        {
          ...strict,
          description:
            '`seconds`: the age of the oldest commit that is not yet durable in etcd; 0 when all are.',
        },
      ),
      dump: Dump,
      counters: CounterValues,
      retained_log_bytes: nullable(Count),
      checkpoint: Type.Object(
        { revision: nullable(Count), committed_at: nullable(Time) },
        { ...strict, description: 'Up to where everything is durable in etcd.' },
      ),
      warnings: Type.Array(WarningEntry),
      last_error: nullable(LastErrorEntry),
    },
    strict,
  ),
);

export type SyncJson = Static<typeof Sync>;

export const SyncList = component(
  'SyncList',
  Type.Object({ syncs: Type.Array(reference(Sync), { description: 'By name.' }) }, strict),
);

export const syncExample: SyncJson = {
  name: 'inventory',
  driver: 'pgx',
  state: 'streaming',
  desired: 'running',
  instance: 'node-1',
  position: { lsn: '0/16B3748' },
  source_position: { lsn: '0/16B3748' },
  lag: { bytes: 0, seconds: 0 },
  dump: {
    state: 'done',
    started_at: '2026-01-31T09:59:58.120Z',
    finished_at: '2026-01-31T10:00:00.003Z',
    percent: 100,
    eta_seconds: 0,
    tables: [{ table: 'public.products', state: 'done', rows: 1200, rows_estimated: 1195 }],
  },
  counters: {
    transactions: 41,
    inserts: 30,
    updates: 11,
    deletes: 2,
    truncates: 0,
    puts: 1241,
    etcd_txns: 38,
    bytes: 301_500,
  },
  retained_log_bytes: 1024,
  checkpoint: { revision: 77, committed_at: '2026-01-31T10:05:12.345Z' },
  warnings: [
    {
      code: 'no_key',
      message: 'The table has no key',
      remedy: 'ALTER TABLE public.notes ADD PRIMARY KEY (id);',
      table: 'public.notes',
    },
  ],
  last_error: null,
};

/** Syncs in every state, for the page to show. */

import { type SyncJson, syncExample } from '../../../src/api/schemas/sync.ts';

const minute = 60_000;

function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString();
}

type Changes = Partial<SyncJson> & { readonly name: string };

export function sampleSync(changes: Changes): SyncJson {
  return {
    ...syncExample,
    checkpoint: { revision: 18_231_077, committed_at: ago(1_200) },
    retained_log_bytes: 184_320,
    warnings: [],
    dump: {
      ...syncExample.dump,
      started_at: ago(3 * 60 * minute),
      finished_at: ago(3 * 60 * minute - 42_300),
      tables: [
        { table: 'public.products', state: 'done', rows: 1_204_311, rows_estimated: 1_200_000 },
        { table: 'public.orders', state: 'done', rows: 88_120, rows_estimated: 90_000 },
        { table: 'public.audit_log', state: 'excluded', rows: 0, rows_estimated: null },
      ],
    },
    ...changes,
  };
}

const unknown: Partial<SyncJson> = {
  position: null,
  source_position: null,
  lag: { bytes: null, seconds: null },
};

function dumping(): SyncJson {
  const rows = [
    ['public.customers', 'done', 412_008, 410_000],
    ['public.products', 'running', 812_300, 1_200_000],
    ['public.order_lines_of_a_very_long_name_that_does_not_fit', 'running', 91_200, null],
    ['public.invoices', 'pending', 0, 2_400_000],
    ['public.shipments', 'pending', 0, 33_000],
    ['public.returns', 'failed', 120, 4_000],
  ] as const;
  return sampleSync({
    name: 'crm',
    state: 'dumping',
    lag: { bytes: 48_300_000, seconds: 41 },
    dump: {
      state: 'running',
      started_at: ago(41_000),
      finished_at: null,
      percent: 31.7,
      eta_seconds: 94,
      tables: rows.map(([table, state, done, estimated]) => ({
        table,
        state,
        rows: done,
        rows_estimated: estimated,
      })),
    },
  });
}

const mysqlPosition = {
  gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2839212,5b0f8a11-71ca-11e1-9e33-c80aa9429562:1-77',
  file: 'binlog.000214',
  offset: 183_299_120,
};

/** One of each. */
export function everyState(): SyncJson[] {
  return [
    sampleSync({
      name: 'inventory',
      warnings: [
        {
          code: 'no_key',
          message: 'The table has no key',
          remedy: 'ALTER TABLE public.notes ADD PRIMARY KEY (id);',
          table: 'public.notes',
        },
      ],
    }),
    dumping(),
    sampleSync({
      name: 'billing',
      driver: 'mysql',
      position: mysqlPosition,
      source_position: { ...mysqlPosition, offset: 183_310_008 },
      lag: { bytes: 10_888, seconds: 0.32 },
    }),
    sampleSync({
      name: 'legacy-erp',
      driver: 'mysql',
      state: 'backing_off',
      position: { ...mysqlPosition, gtid: null },
      source_position: null,
      lag: { bytes: null, seconds: 128 },
      last_error: {
        code: 'source_unavailable',
        message: 'The database cannot be reached: connection refused',
        remedy: 'Check database.host and database.port, and that the server is up.',
        at: ago(73_000),
        retry_at: new Date(Date.now() + 14_000).toISOString(),
      },
    }),
    sampleSync({
      name: 'payments',
      state: 'failed',
      ...unknown,
      last_error: {
        code: 'missing_privilege',
        message: 'The role watcher may not create the publication watcherpub_payments',
        remedy: 'GRANT CREATE ON DATABASE "payments" TO "watcher";',
        at: ago(16 * minute),
        retry_at: null,
      },
    }),
    sampleSync({ name: 'sessions', state: 'standby', instance: 'node-2' }),
    sampleSync({
      name: 'archive',
      state: 'stopped',
      desired: 'stopped',
      instance: null,
      retained_log_bytes: 7_912_000_000,
      lag: { bytes: 7_912_000_000, seconds: null },
    }),
  ];
}

import { expect, test } from 'vitest';
import { type SyncJson, syncExample } from '../../../src/api/schemas/sync.ts';
import { syncStates } from '../../../src/replication/lifecycle.ts';
import {
  driverName,
  fullPosition,
  ordersOf,
  type Sync,
  shortPosition,
  wordsOf,
} from '../../../src/web/sync.ts';

/** What the API sends has everything that the page reads: the compiler says so. */
const ofApi = (sync: SyncJson): Sync => sync;

test('every state has words of its own', () => {
  const labels = syncStates.map((state) => wordsOf(state).label);
  expect(new Set(labels).size).toBe(syncStates.length);
  for (const [index, state] of syncStates.entries()) expect(labels[index]).not.toBe(state);
  expect(wordsOf('of_a_later_version').label).toBe('of_a_later_version');
  expect([driverName('pgx'), driverName('mysql'), driverName('x')]).toEqual([
    'PostgreSQL',
    'MySQL',
    'x',
  ]);
});

test('positions of both kinds', () => {
  const mysql = { gtid: 'a:1-5', file: 'binlog.000002', offset: 1234 };
  expect(shortPosition({ lsn: '0/16B3748' })).toBe('0/16B3748');
  expect(shortPosition(mysql)).toBe('binlog.000002:1234');
  expect(fullPosition(mysql)).toBe('a:1-5 (binlog.000002:1234)');
  expect(fullPosition({ ...mysql, gtid: null })).toBe('binlog.000002:1234');
  expect([shortPosition(null), fullPosition(null)]).toEqual([null, '–']);
});

test.each<[Partial<SyncJson>, ReturnType<typeof ordersOf>]>([
  [{}, { toggle: 'stop', retry: false, noDump: null }],
  [{ state: 'standby' }, { toggle: 'stop', retry: false, noDump: null }],
  [{ state: 'failed' }, { toggle: 'stop', retry: true, noDump: null }],
  [{ state: 'backing_off' }, { toggle: 'stop', retry: true, noDump: null }],
  [
    { state: 'stopping', desired: 'stopped' },
    { toggle: 'start', retry: false, noDump: expect.stringMatching(/stopped/) },
  ],
  [
    { state: 'failed', desired: 'stopped' },
    { toggle: 'start', retry: false, noDump: expect.stringMatching(/stopped/) },
  ],
  [
    { dump: { ...syncExample.dump, state: 'running' } },
    { toggle: 'stop', retry: false, noDump: expect.stringMatching(/running/) },
  ],
])('orders for %j', (changes, orders) => {
  expect(ordersOf(ofApi({ ...syncExample, ...changes }))).toEqual(orders);
});

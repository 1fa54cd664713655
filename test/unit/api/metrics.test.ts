import { expect, test } from 'vitest';
import { syncStates } from '../../../src/replication/lifecycle.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver } from './support.ts';

const leader = statusOf('inventory');
const follower = statusOf('orders', { state: 'standby', leading: false });

async function scrape(control: StubControl, act: () => void = () => {}): Promise<string[]> {
  await using server = appOver(control);
  await server.app.ready();
  act();
  const response = await server.app.inject('/metrics');
  expect(response.statusCode).toBe(200);
  expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  return response.payload.split('\n').filter((line) => !line.startsWith('#'));
}

test('the state is 1 for the one that it is in, and 0 for the others', async () => {
  const lines = await scrape(new StubControl(leader));
  for (const state of syncStates) {
    const value = state === 'streaming' ? 1 : 0;
    expect(lines).toContain(`watcher_sync_state{sync="inventory",state="${state}"} ${value}`);
  }
});

test('only the leader exports lag, dump and retained log', async () => {
  const lines = await scrape(new StubControl(leader, follower));
  const ours = lines.filter((line) => /^watcher_.*\{.*sync=/.test(line));
  expect(ours).toEqual(
    expect.arrayContaining([
      'watcher_leader{sync="inventory"} 1',
      'watcher_leader{sync="orders"} 0',
      'watcher_lag_bytes{sync="inventory"} 184',
      'watcher_lag_seconds{sync="inventory"} 0.25',
      'watcher_dump_rows{sync="inventory",table="public.products"} 12',
      'watcher_dump_rows_estimated{sync="inventory",table="public.products"} 11',
      'watcher_retained_log_bytes{sync="inventory"} 1024',
      'watcher_safe_wal_bytes{sync="inventory"} 4096',
    ]),
  );
  const leaderOnly = /^watcher_(lag|dump|retained|safe)_.*sync="orders"/;
  expect(ours.filter((line) => leaderOnly.test(line))).toEqual([]);
});

test('what is not known is not exported, and what is no more is gone', async () => {
  const control = new StubControl(statusOf('inventory', { lag: { bytes: null, seconds: 3 } }));
  await using server = appOver(control);
  const first = (await server.app.inject('/metrics')).payload;
  expect(first).not.toContain('watcher_lag_bytes{');
  expect(first).toContain('watcher_lag_seconds{sync="inventory"} 3');
  control.statuses.set('inventory', statusOf('inventory', { leading: false }));
  expect((await server.app.inject('/metrics')).payload).not.toContain('watcher_lag_seconds{');
});

test('what happens is counted, from 0 on', async () => {
  const control = new StubControl(leader);
  expect(await scrape(control)).toEqual(
    expect.arrayContaining([
      'watcher_rows_total{sync="inventory",op="insert"} 0',
      'watcher_transactions_total{sync="inventory"} 0',
      'watcher_etcd_txns_total{sync="inventory"} 0',
    ]),
  );
  const lines = await scrape(control, () => {
    const observer = control.observers.at(-1);
    observer?.rows('inventory', 'insert', 3);
    observer?.rows('inventory', 'dump', 100);
    observer?.transactions('inventory', 2);
    observer?.etcdTxn('inventory', 0.003);
    observer?.error('inventory', 'source_unavailable');
  });
  expect(lines).toEqual(
    expect.arrayContaining([
      'watcher_rows_total{sync="inventory",op="insert"} 3',
      'watcher_rows_total{sync="inventory",op="dump"} 100',
      'watcher_rows_total{sync="inventory",op="delete"} 0',
      'watcher_transactions_total{sync="inventory"} 2',
      'watcher_etcd_txns_total{sync="inventory"} 1',
      'watcher_etcd_txn_seconds_bucket{le="0.0025",sync="inventory"} 0',
      'watcher_etcd_txn_seconds_bucket{le="0.005",sync="inventory"} 1',
      'watcher_etcd_txn_seconds_count{sync="inventory"} 1',
      'watcher_errors_total{sync="inventory",code="source_unavailable"} 1',
    ]),
  );
});

test('of a sync that is gone from the configuration no line is left, whatever it still counts at its end', async () => {
  const control = new StubControl(statusOf('a'), statusOf('b'));
  await using server = appOver(control);
  await server.app.ready();
  const count = (sync: string) => {
    const observer = control.observers.at(-1);
    observer?.rows(sync, 'insert', 3);
    observer?.transactions(sync, 2);
    observer?.etcdTxn(sync, 0.003);
    observer?.error(sync, 'source_unavailable');
    observer?.error(sync, 'internal');
  };
  const linesOf = async (sync: string) => {
    const { payload } = await server.app.inject('/metrics');
    return payload.split('\n').filter((line) => line.includes(`sync="${sync}"`));
  };
  count('a');
  count('b');
  const ofB = await linesOf('b');
  expect(ofB.length).toBeGreaterThan(30);
  expect(await linesOf('a')).toHaveLength(ofB.length);
  control.statuses.delete('a');
  expect(await linesOf('a')).toEqual([]);
  count('a');
  expect(await linesOf('a')).toEqual([]);
  expect(await linesOf('b')).toEqual(ofB);
  control.statuses.set('a', statusOf('a'));
  expect(await linesOf('a')).toContain('watcher_transactions_total{sync="a"} 0');
});

test('the process: build, configuration, defaults', async () => {
  const lines = await scrape(new StubControl());
  expect(lines).toContain('watcher_build_info{version="1.2.3",node="20.19.0"} 1');
  expect(lines).toContain('watcher_config_last_reload_success 1');
  expect(lines.some((line) => line.startsWith('process_cpu_seconds_total '))).toBe(true);
  expect(lines.some((line) => line.startsWith('nodejs_eventloop_lag_seconds '))).toBe(true);
});

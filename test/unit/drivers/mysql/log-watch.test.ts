import { expect, test } from 'vitest';
import { LogWatch } from '../../../../src/drivers/mysql/log-watch.ts';
import { WatcherError } from '../../../../src/errors.ts';
import type { Heartbeat } from '../../../../src/replication/change.ts';

const at = (offset: number, file = 'binlog.000002') => ({ file, offset });

function heartbeat(offset: number, file = 'binlog.000002'): Heartbeat {
  return { type: 'heartbeat', position: { kind: 'mysql', gtid: null, file, offset } };
}

test('a log that ends before what was read was reset', () => {
  const watch = new LogWatch();
  watch.arrived(heartbeat(500));
  watch.ends(at(900), watch.read);
  watch.arrived(heartbeat(900));
  watch.ends(at(700), watch.read);
  expect(() => watch.arrived(heartbeat(900))).toThrow(
    expect.objectContaining({ code: 'source_replaced' }),
  );
  const other = new LogWatch();
  other.arrived(heartbeat(4, 'binlog.000010'));
  other.ends(at(900, 'binlog.000009'), other.read);
  expect(() => other.arrived(heartbeat(4, 'binlog.000010'))).toThrow('reset');
});

test('a source that cannot be asked ends the stream, with the first reason', () => {
  const watch = new LogWatch();
  const error = new WatcherError('source_unavailable');
  watch.fails(error);
  watch.fails(new Error('later'));
  expect(() => watch.arrived(heartbeat(500))).toThrow(error);
});

test('what was read since the end was asked for does not count', () => {
  const watch = new LogWatch();
  watch.arrived(heartbeat(500));
  const { read } = watch;
  watch.arrived(heartbeat(900));
  watch.ends(at(700), read);
  watch.arrived(heartbeat(900));
});

test('nothing is sent although the log goes on', () => {
  const watch = new LogWatch();
  watch.ends(at(500), watch.read);
  watch.arrived(heartbeat(500));
  watch.ends(at(900), watch.read);
  for (let n = 1; n < 10; n += 1) watch.arrived(heartbeat(500));
  expect(() => watch.arrived(heartbeat(500))).toThrow(
    expect.objectContaining({ code: 'source_unavailable' }),
  );
});

test('a reader that comes forward is not forgotten, nor is one that never was at the end', () => {
  const watch = new LogWatch();
  watch.ends(at(500), watch.read);
  watch.arrived(heartbeat(500));
  watch.ends(at(9_000), watch.read);
  for (let n = 1; n < 40; n += 1) watch.arrived(heartbeat(500 + Math.floor(n / 8)));
  // While a server looks for GTIDs in its files.
  const searching = new LogWatch();
  searching.ends(at(9_000), searching.read);
  for (let n = 1; n < 40; n += 1) searching.arrived(heartbeat(500));
});

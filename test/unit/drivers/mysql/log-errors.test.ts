import { expect, test } from 'vitest';
import { fromLogError } from '../../../../src/drivers/mysql/log-errors.ts';

/** As the servers word them: MySQL 5.6 and 9.7, MariaDB 10.11. */
const texts = [
  [
    'server_id_clash',
    "A slave with the same server_uuid/server_id as this slave has connected to the master; the first event 'binlog.000001' at 4",
  ],
  [
    'server_id_clash',
    'A replica with the same server_uuid/server_id as this replica has connected to the source; the first event',
  ],
  ['binlog_purged', 'Could not find first log file name in binary log index file'],
  [
    'binlog_purged',
    'The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the master has purged binary logs containing GTIDs that the slave requires.',
  ],
  [
    'binlog_purged',
    'Cannot replicate because the source purged required binary logs. Replicate the missing transactions from elsewhere',
  ],
  [
    'binlog_purged',
    'Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old and required binlog files have been purged.',
  ],
  ['source_replaced', "Slave has more GTIDs than the master has, using the master's SERVER_UUID."],
  [
    'source_replaced',
    "The replica has more GTIDs than the source has, using the source's SERVER_UUID.",
  ],
  [
    'source_replaced',
    "Error: connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog",
  ],
  [
    'source_replaced',
    'The binlog on the master is missing the GTID 0-1-9 requested by the slave (even though a subsequent sequence number does exist), and GTID strict mode is enabled',
  ],
  ['source_replaced', 'Client requested master to start replication from position > file size'],
  [
    'source_replaced',
    'Client requested source to start replication from impossible position; the first event',
  ],
  [
    'binlog_setting',
    'log event entry exceeded max_allowed_packet; Increase max_allowed_packet on master',
  ],
  ['binlog_setting', 'Misconfigured master - server_id was not set'],
  ['binlog_setting', 'Binary log is not open'],
  ['binlog_incident', 'bogus data in log event; the first event'],
  ['binlog_incident', 'event read from binlog did not pass crc check; the first event'],
  ['source_error', 'something that nobody has seen yet'],
] as const;

test.each(texts)('%s: %s', (code, text) => {
  const error = fromLogError(1236, text);
  expect(error?.code).toBe(code);
  expect(error?.message).toContain(text);
});

test('other errors are not about the log', () => {
  expect(fromLogError(1227, 'Access denied')).toBeNull();
  expect(fromLogError(1789, 'whatever')?.code).toBe('binlog_purged');
});

test('MariaDB has an error of its own for two readers with one server id', () => {
  const text = 'A slave with the same server_uuid/server_id is already connected';
  expect(fromLogError(4052, text)?.code).toBe('server_id_clash');
});

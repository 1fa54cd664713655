/** The numbered cases of judgeContinuity. */
import { expect, test } from 'vitest';
import { type ContinuityFacts, judgeContinuity } from '../../../../src/drivers/mysql/continuity.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const identity = {
  flavour: 'mysql',
  server: uuid,
  log: { file: 'binlog.000007', created: 100 },
} as const;
const files = [
  { name: 'binlog.000007', sizeBytes: 500 },
  { name: 'binlog.000008', sizeBytes: 900 },
];

function facts(changes: Partial<ContinuityFacts>): ContinuityFacts {
  return {
    identity,
    gtids: true,
    end: { file: 'binlog.000008', offset: 900, gtid: `${uuid}:1-50`, doDb: '', ignoreDb: '' },
    files,
    purged: `${uuid}:1-10`,
    created: 100,
    resume: null,
    ...changes,
  };
}

function at(gtid: string | null, file = 'binlog.000008', offset = 700) {
  return { position: { kind: 'mysql', gtid, file, offset } as const, identity };
}

function outcome(changes: Partial<ContinuityFacts>): string {
  const continuity = judgeContinuity(facts(changes));
  return continuity.kind === 'resume' ? 'resume' : (continuity.cause?.code ?? 'dump');
}

test.each<[string, string, Partial<ContinuityFacts>]>([
  ['1. no checkpoint', 'dump', {}],
  [
    '2. other flavour',
    'source_replaced',
    { resume: { ...at(`${uuid}:1-40`), identity: { ...identity, flavour: 'mariadb' } } },
  ],
  ['3. reset, with GTIDs', 'source_replaced', { created: 101, resume: at(`${uuid}:1-40`) }],
  [
    '3. reset, with fewer files since',
    'source_replaced',
    {
      created: null,
      resume: {
        ...at(`${uuid}:1-40`),
        identity: { ...identity, log: { file: 'binlog.000009', created: 100 } },
      },
    },
  ],
  ['4. unknown GTID', 'source_replaced', { resume: at(`${uuid}:1-51`) }],
  ['4. unknown uuid', 'source_replaced', { resume: at(`${uuid}:1-40,4${uuid.slice(1)}:1`) }],
  ['5. purged GTID', 'binlog_purged', { resume: at(`${uuid}:1-9`) }],
  ['6. known GTID', 'resume', { resume: at(`${uuid}:1-40`) }],
  [
    '6. GTID of another server',
    'resume',
    {
      resume: {
        ...at(`${uuid}:1-40`, 'other.000099', 4),
        identity: { ...identity, server: 'x', log: null },
      },
    },
  ],
  [
    '7. other server, no GTID',
    'source_replaced',
    {
      gtids: false,
      resume: { ...at(null), identity: { ...identity, server: 'another' } },
    },
  ],
  ['3. reset', 'source_replaced', { gtids: false, created: 101, resume: at(null) }],
  [
    '8. file purged',
    'binlog_purged',
    { gtids: false, created: null, resume: at(null, 'binlog.000006') },
  ],
  ['9. file not there yet', 'source_replaced', { gtids: false, resume: at(null, 'binlog.000009') }],
  ['9. past the end', 'source_replaced', { gtids: false, resume: at(null, 'binlog.000008', 901) }],
  [
    '9. past the end of an old file',
    'source_replaced',
    { gtids: false, resume: at(null, 'binlog.000007', 501) },
  ],
  ['10. at the end', 'resume', { gtids: false, resume: at(null, 'binlog.000008', 900) }],
  [
    '10. at the end of an old file',
    'resume',
    { gtids: false, resume: at(null, 'binlog.000007', 500) },
  ],
  ['GTIDs turned on since', 'resume', { gtids: true, resume: at(null) }],
  [
    'GTIDs turned off since',
    'resume',
    {
      gtids: false,
      end: { file: 'binlog.000008', offset: 900, gtid: null, doDb: '', ignoreDb: '' },
      resume: at(`${uuid}:1-40`),
    },
  ],
])('%s: %s', (_title, expected, changes) => {
  expect(outcome(changes)).toBe(expected);
});

test('MariaDB: by the last GTID of each domain', () => {
  const maria = { ...identity, flavour: 'mariadb', server: 'server_id 1' } as const;
  const mariadb = (gtid: string, purged: string) =>
    outcome({
      identity: maria,
      purged,
      end: { file: 'binlog.000008', offset: 900, gtid: '0-1-50,1-2-7', doDb: '', ignoreDb: '' },
      resume: {
        position: { kind: 'mysql', gtid, file: 'binlog.000008', offset: 1 },
        identity: maria,
      },
    });
  expect(mariadb('0-1-40,1-2-7', '0-1-10')).toBe('resume');
  expect(mariadb('0-1-51,1-2-7', '0-1-10')).toBe('source_replaced');
  expect(mariadb('0-1-9', '0-1-10')).toBe('binlog_purged');
  expect(mariadb('0-1-40', '0-1-10,1-2-3')).toBe('binlog_purged');
});

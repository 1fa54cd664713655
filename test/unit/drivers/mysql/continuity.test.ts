/** The numbered cases of judgeContinuity. */
import { describe, expect, test } from 'vitest';
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
    there: { border: true, gtid: null },
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
  [
    '4. the log was cut behind a crash, and its GTIDs given out again',
    'source_replaced',
    { resume: at(`${uuid}:1-40`, 'binlog.000007', 501) },
  ],
  [
    '4. the file of the checkpoint was never written',
    'source_replaced',
    { there: null, resume: at(`${uuid}:1-40`, 'binlog.000009', 4) },
  ],
  [
    '4. other events at the place',
    'source_replaced',
    { there: { border: false, gtid: null }, resume: at(`${uuid}:1-40`) },
  ],
  [
    '4. not so if the position is of the server before',
    'resume',
    {
      there: null,
      resume: {
        ...at(`${uuid}:1-40`, 'binlog.000009', 4),
        identity: { ...identity, foreign: at(`${uuid}:1-40`, 'binlog.000009', 4).position },
      },
    },
  ],
  ['6. unknown GTID', 'source_replaced', { resume: at(`${uuid}:1-51`) }],
  ['6. unknown uuid', 'source_replaced', { resume: at(`${uuid}:1-40,4${uuid.slice(1)}:1`) }],
  ['7. purged GTID', 'binlog_purged', { resume: at(`${uuid}:1-9`) }],
  ['8. known GTID', 'resume', { resume: at(`${uuid}:1-40`) }],
  [
    '8. GTID of another server',
    'resume',
    {
      resume: {
        ...at(`${uuid}:1-40`, 'other.000099', 4),
        identity: { ...identity, server: 'x', log: null },
      },
    },
  ],
  [
    '9. other server, no GTID',
    'source_replaced',
    {
      gtids: false,
      resume: { ...at(null), identity: { ...identity, server: 'another' } },
    },
  ],
  ['3. reset', 'source_replaced', { gtids: false, created: 101, resume: at(null) }],
  [
    '10. file purged',
    'binlog_purged',
    { gtids: false, created: null, there: null, resume: at(null, 'binlog.000006') },
  ],
  [
    '4. file not there yet, no GTIDs',
    'source_replaced',
    { gtids: false, resume: at(null, 'binlog.000009') },
  ],
  [
    '4. past the end, no GTIDs',
    'source_replaced',
    { gtids: false, resume: at(null, 'binlog.000008', 901) },
  ],
  [
    '4. past the end of an old file, no GTIDs',
    'source_replaced',
    { gtids: false, resume: at(null, 'binlog.000007', 501) },
  ],
  ['11. at the end', 'resume', { gtids: false, resume: at(null, 'binlog.000008', 900) }],
  [
    '11. at the end of an old file',
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

describe('MariaDB', () => {
  const maria = { ...identity, flavour: 'mariadb', server: 'server_id 1' } as const;
  const position = (gtid: string) =>
    ({ kind: 'mysql', gtid, file: 'binlog.000008', offset: 1 }) as const;
  const server = (gtid: string, changes: Partial<ContinuityFacts>) =>
    outcome({
      identity: maria,
      end: { file: 'binlog.000008', offset: 900, gtid: '0-1-50,1-2-7', doDb: '', ignoreDb: '' },
      resume: { position: position(gtid), identity: maria },
      ...changes,
    });

  test('another server: by the last GTID of each domain', () => {
    const another = (gtid: string, purged: string) =>
      server(gtid, {
        purged,
        there: null,
        resume: { position: position(gtid), identity: { ...maria, server: 'server_id 2' } },
      });
    expect(another('0-1-40,1-2-7', '0-1-10')).toBe('resume');
    expect(another('0-1-51,1-2-7', '0-1-10')).toBe('source_replaced');
    expect(another('0-1-9', '0-1-10')).toBe('binlog_purged');
    expect(another('0-1-40', '0-1-10,1-2-3')).toBe('binlog_purged');
  });

  test('the same server: the place decides, whatever the numbers are', () => {
    const there = (gtid: string) => ({ there: { border: true, gtid } });
    expect(server('0-2-99,1-2-7', there('0-2-99,1-2-7'))).toBe('resume');
    expect(server('0-2-99,1-2-7', there('0-1-99,1-2-7'))).toBe('source_replaced');
    expect(server('0-2-99', there('0-2-99,1-2-7'))).toBe('source_replaced');
    // The checkpoint knows a domain that the server has deleted.
    expect(server('0-2-99,3-3-3', there('0-2-99'))).toBe('resume');
  });

  test('the same server, whose files up to the checkpoint are purged: by GTID', () => {
    expect(server('0-1-40,1-2-7', { there: null, files: [], purged: '0-1-40' })).toBe('resume');
    expect(server('0-1-40', { there: null, files: [], purged: '0-1-41' })).toBe('binlog_purged');
  });
});

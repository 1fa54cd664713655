import { expect, test } from 'vitest';
import {
  type ContinuityFacts,
  judgeContinuity,
  type Slot,
} from '../../../../src/drivers/postgres/continuity.ts';
import { parseTimelineHistory } from '../../../../src/drivers/postgres/timeline.ts';

const slot: Slot = {
  name: 's',
  type: 'logical',
  plugin: 'pgoutput',
  database: 'd',
  temporary: false,
  activePid: null,
  restartLsn: 90n,
  confirmedLsn: 100n,
  lostBecause: null,
};
const identity = { system: '1', timeline: 3, database: 5, publication: 9 };
const history = [
  { timeline: 1, at: 50n },
  { timeline: 2, at: 120n },
];

function judge(changes: Partial<Omit<ContinuityFacts, 'slot'>> & { slot?: Partial<Slot> | null }) {
  return judgeContinuity({
    identity,
    database: 'd',
    currentLsn: 1_000n,
    history,
    resume: { lsn: 100n, identity },
    ...changes,
    slot: changes.slot === null ? null : { ...slot, ...changes.slot },
  });
}

const at = (lsn: bigint, then: object = {}) => ({
  resume: { lsn, identity: { ...identity, ...then } },
});

test.each<[string, Parameters<typeof judge>[0], string]>([
  ['1 physical', { slot: { type: 'physical' } }, 'slot_foreign'],
  ['1 other plugin', { slot: { plugin: 'test_decoding' } }, 'slot_foreign'],
  ['1 other database', { slot: { database: 'x' } }, 'slot_foreign'],
  ['1 temporary, no checkpoint', { slot: { temporary: true }, resume: null }, 'slot_foreign'],
  ['2 in use', { slot: { activePid: 42 } }, 'slot_in_use'],
  ['2 in use, no checkpoint', { slot: { activePid: 42 }, resume: null }, 'slot_in_use'],
])('refused: %s', (_, facts, code) => {
  expect(() => judge(facts)).toThrow(expect.objectContaining({ code }));
});

test.each<[string, Parameters<typeof judge>[0], string | null]>([
  ['3 no checkpoint', { resume: null }, null],
  ['3 no checkpoint, no slot', { resume: null, slot: null }, null],
  ['4 other system', at(100n, { system: '2' }), 'source_replaced'],
  ['4 other database', at(100n, { database: 6 }), 'source_replaced'],
  ['5 past the switch', at(121n, { timeline: 2 }), 'source_replaced'],
  ['5 an unknown timeline', at(100n, { timeline: 4 }), 'source_replaced'],
  ['6 past the end of the log', at(1_001n), 'source_replaced'],
  ['7 other publication', at(100n, { publication: 8 }), 'publication_replaced'],
  ['8 missing', { slot: null }, 'slot_missing'],
  ['9 lost', { slot: { lostBecause: 'wal_removed' } }, 'slot_lost'],
  ['9 let go', { slot: { restartLsn: null } }, 'slot_lost'],
  ['10 ahead', at(99n), 'slot_ahead'],
])('dump: %s', (_, facts, code) => {
  const continuity = judge(facts);
  expect(continuity.kind).toBe('dump');
  expect(continuity.kind === 'dump' && (continuity.cause?.code ?? null)).toBe(code);
});

test.each<[string, Parameters<typeof judge>[0]]>([
  ['11 at the checkpoint', {}],
  ['11 behind it', at(500n)],
  ['11 on a new timeline, at the switch', at(120n, { timeline: 2 })],
])('resume: %s', (_, facts) => {
  expect(judge(facts)).toEqual({ kind: 'resume' });
});

test('a timeline history', () => {
  const text = '1\t0/3000060\tno recovery target specified\n\n# comment\n2\tA/10\tbefore x\n';
  expect(parseTimelineHistory(text)).toEqual([
    { timeline: 1, at: 0x3000060n },
    { timeline: 2, at: 0xa00000010n },
  ]);
});

import { expect, test } from 'vitest';
import { snapshotContains } from '../../../../src/drivers/postgres/snapshot-mark.ts';

const epoch = 2n ** 32n;

test.each<[string, string, number, boolean]>([
  ['below xmin', '10:20:12,15', 9, true],
  ['at xmin, running', '10:20:10,15', 10, false],
  ['between, over', '10:20:12,15', 13, true],
  ['between, running', '10:20:12,15', 15, false],
  ['at xmax', '10:20:12,15', 20, false],
  ['above xmax', '10:20:12,15', 4_000, false],
  ['nothing runs', '10:10:', 9, true],
  ['nothing runs, at xmax', '10:10:', 10, false],
  ['in a later epoch', `${3n * epoch + 10n}:${3n * epoch + 20n}:${3n * epoch + 12n}`, 12, false],
  [
    'in a later epoch, over',
    `${3n * epoch + 10n}:${3n * epoch + 20n}:${3n * epoch + 12n}`,
    13,
    true,
  ],
  ['from the epoch before', `${epoch + 5n}:${epoch + 6n}:`, 0xffff_fff0, true],
  ['of the next epoch', `${epoch - 5n}:${epoch - 3n}:`, 4, false],
])('%s', (_, mark, xid, contained) => {
  expect(snapshotContains(mark, xid)).toBe(contained);
});

test('what is not a snapshot is refused', () => {
  expect(() => snapshotContains('10-20', 1)).toThrow(RangeError);
});

import { expect, test } from 'vitest';
import { SettledLog } from '../../../../src/drivers/postgres/settled-log.ts';

/** @returns which of the polls looked. */
function looks(ends: readonly number[], incomplete: readonly number[] = []): number[] {
  const log = new SettledLog();
  return ends.flatMap((end, poll) => {
    if (log.stands(BigInt(end))) return [];
    log.looked(BigInt(end), !incomplete.includes(poll));
    return [poll];
  });
}

test('while the log grows, every poll looks', () => {
  expect(looks([1, 2, 3, 4])).toEqual([0, 1, 2, 3]);
});

test('once it has ended at the same place twice, that look stands; growth ends it', () => {
  expect(looks([1, 1, 1, 1, 2, 2, 2, 3, 3])).toEqual([0, 1, 4, 5, 7, 8]);
});

test('no look stands for ever', () => {
  expect(looks(Array.from({ length: 70 }, () => 1))).toEqual([0, 1, 32, 63]);
});

test('a look that could not do all does not stand', () => {
  expect(looks([1, 1, 1, 1, 1], [1, 2])).toEqual([0, 1, 2, 3]);
});

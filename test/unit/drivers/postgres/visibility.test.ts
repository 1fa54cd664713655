import { expect, test } from 'vitest';
import { HandedOut } from '../../../../src/drivers/postgres/visibility.ts';

test('the transactions that were handed out last are known, as many as it holds', () => {
  const handedOut = new HandedOut(3);
  expect([...handedOut]).toEqual([]);
  handedOut.note(7);
  handedOut.note(4_294_967_295);
  expect([...handedOut]).toEqual([7, 4_294_967_295]);
  handedOut.note(3);
  handedOut.note(4);
  handedOut.note(5);
  expect([...handedOut].sort((a, b) => a - b)).toEqual([3, 4, 5]);
});

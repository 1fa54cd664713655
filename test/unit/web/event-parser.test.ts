import { expect, test } from 'vitest';
import { EventParser } from '../../../src/web/event-parser.ts';

const stream = [
  'retry: 2000\n\n',
  'event: sync\ndata: {"name":"a"}\n\n',
  ':\n\n',
  'event: removed\r\ndata: one\r\ndata:two\r\nid: 7\r\n\r\n',
  'event: nothing\n\n',
  'data\n\n',
  'data: unfinished\n',
].join('');

const events = [
  { event: 'sync', data: '{"name":"a"}' },
  { event: 'removed', data: 'one\ntwo' },
  { event: 'message', data: '' },
];

test.each([1, 2, 7, 1_000])('in pieces of %i', (size) => {
  const parser = new EventParser();
  const pieces = stream.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
  expect(pieces.join('')).toBe(stream);
  expect(pieces.flatMap((piece) => parser.push(piece))).toEqual(events);
  expect(parser.push('\n')).toEqual([{ event: 'message', data: 'unfinished' }]);
});

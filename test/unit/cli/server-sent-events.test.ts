import fc from 'fast-check';
import { expect, test } from 'vitest';
import { serverSentEvents } from '../../../src/cli/server-sent-events.ts';

async function read(...chunks: string[]): Promise<[string, string][]> {
  const events: [string, string][] = [];
  async function* source() {
    yield* chunks;
  }
  for await (const { event, data } of serverSentEvents(source())) events.push([event, data]);
  return events;
}

const text =
  'retry: 2000\n\nevent: sync\ndata: {"a":1}\n\n:\n\n: note\ndata\ndata:  two\n\nevent: x\n\ndata: last';

test('events, comments, several lines of data, an event without data, one cut off', async () => {
  expect(await read(text)).toEqual([
    ['sync', '{"a":1}'],
    ['message', '\n two'],
  ]);
});

test('however it is cut, and with each end of line', async () => {
  const expected = await read(text);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(text.length * 2)),
      fc.constantFrom('\n', '\r\n', '\r'),
      async (places, end) => {
        const whole = text.replaceAll('\n', end);
        const cuts = [0, ...places.filter((at) => at < whole.length).sort((a, b) => a - b)];
        const chunks = cuts.map((at, index) => whole.slice(at, cuts[index + 1]));
        expect(await read(...chunks)).toEqual(expected);
      },
    ),
  );
});

import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type SyncJson, syncExample } from '../../../src/api/schemas/sync.ts';
import { status } from '../../../src/cli/status.ts';
import { until } from '../../support/until.ts';
import { refuse, stubApi, surroundings } from './stub-api.ts';

const other: SyncJson = { ...syncExample, name: 'orders', state: 'failed' };

const dumping: SyncJson = {
  ...syncExample,
  state: 'dumping',
  dump: {
    ...syncExample.dump,
    state: 'running',
    percent: 50,
    eta_seconds: 12,
    tables: [{ table: 'public.products', state: 'running', rows: 500, rows_estimated: 1000 }],
  },
};

function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Every stream of events that is open, as the test writes to it. */
async function watched(name: string | null = null, changes = {}, more = {}) {
  const streams: ServerResponse[] = [];
  let refusal: Parameters<typeof refuse>[1] | null = null;
  const api = await stubApi(({ url }, response) => {
    if (url !== '/v1/events') return name === null ? { syncs: [syncExample] } : syncExample;
    if (refusal !== null) return refuse(response, refusal);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`retry: 2000\n\n${frame('sync', syncExample)}${frame('sync', other)}`);
    streams.push(response);
  });
  const around = surroundings(changes);
  const ended = status({ name, watch: true, url: api.url, ...more }, around);
  ended.catch(() => undefined);
  const { printed } = around;
  return {
    ...api,
    around,
    printed,
    ended,
    streams,
    refuseWith: (code: typeof refusal) => {
      refusal = code;
    },
    shows: (what: string | RegExp) =>
      until(
        () => (typeof what === 'string' ? printed.out.includes(what) : what.test(printed.out)),
        {
          what: String(what),
        },
      ),
    async [Symbol.asyncDispose]() {
      around.interrupt();
      await ended.catch(() => undefined);
      await api[Symbol.asyncDispose]();
    },
  };
}

test('without a terminal: a line for each change; Ctrl-C ends it with 0', async () => {
  await using watching = await watched();
  await watching.shows('orders');
  watching.streams[0]?.write(frame('sync', dumping));
  await watching.shows('50 %');
  watching.streams[0]?.write(frame('removed', { name: 'orders' }));
  await watching.shows('removed');
  expect(watching.printed.out).toBe(
    [
      'inventory  streaming  lag 0 s, 0 B  dump done',
      'orders  failed  lag 0 s, 0 B  dump done',
      'inventory  dumping  lag 0 s, 0 B  dump 50 %, 12 s left',
      'orders removed',
      '',
    ].join('\n'),
  );
  watching.around.interrupt();
  expect(await watching.ended).toBe(0);
});

test('--json: a line of JSON for each event', async () => {
  await using watching = await watched('orders', {}, { json: true });
  await watching.shows('orders');
  expect(
    watching.printed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([other]);
});

test('a stream that ends or is refused for now is opened again, and it is said once', async () => {
  await using watching = await watched();
  await watching.shows('orders');
  watching.refuseWith('etcd_unavailable');
  watching.streams[0]?.end();
  await until(() => watching.asked.filter(({ url }) => url === '/v1/events').length > 2, {
    what: 'it tries again',
  });
  watching.refuseWith(null);
  await until(() => watching.streams.length === 2, { what: 'it is open again' });
  await watching.shows(/orders[\s\S]*orders/);
  expect(watching.printed.err.match(/The stream of events has ended; trying again/g)).toHaveLength(
    1,
  );
  expect(watching.printed.err.match(/etcd cannot be reached; trying again/g)).toHaveLength(1);
});

test('a refusal that will stay ends it', async () => {
  await using watching = await watched();
  await watching.shows('orders');
  watching.refuseWith('forbidden');
  watching.streams[0]?.end();
  await expect(watching.ended).rejects.toMatchObject({ code: 'forbidden', exitCode: 1 });
});

test('the one sync that is watched is taken out of the configuration', async () => {
  await using watching = await watched('orders');
  await watching.shows('orders');
  watching.streams[0]?.write(frame('removed', { name: 'inventory' }));
  watching.streams[0]?.write(frame('removed', { name: 'orders' }));
  await expect(watching.ended).rejects.toMatchObject({ message: /orders is not in the config/ });
  expect(watching.printed.out).not.toContain('inventory');
});

const terminal = { size: () => ({ columns: 120, rows: 30 }) };

test('on a terminal: drawn over what was there, bars for a dump, the terminal as it was at the end', async () => {
  await using watching = await watched(null, terminal);
  await watching.shows('orders');
  watching.streams[0]?.write(frame('sync', dumping));
  await watching.shows('█');
  expect(watching.printed.out).toMatch(/inventory {2}█{10}░{10} 50 % {2}12 s left/);
  expect(watching.printed.out).toMatch(/public\.products +running +█{10}░{10} +500 +1,000/);
  // Two syncs, head, empty line and foot: five lines up.
  expect(watching.printed.out).toContain('\u001b[5A\r');
  watching.around.interrupt();
  expect(await watching.ended).toBe(0);
  expect(watching.printed.out).toMatch(/^\u001b\[\?25l\u001b\[\?7l/);
  expect(watching.printed.out).toMatch(/\u001b\[\?7h\u001b\[\?25h$/);
});

test('on a terminal: a broken stream is said at the foot, and forgotten when it is back', async () => {
  await using watching = await watched('inventory', terminal);
  await watching.shows('checkpoint');
  watching.streams[0]?.destroy();
  await watching.shows(/No answer from .*; trying again/);
  await until(() => watching.streams.length === 2, { what: 'it is open again' });
  await until(() => /Ctrl-C ends/.test(watching.printed.out.split('trying again').at(-1) ?? ''), {
    what: 'the foot',
  });
});

test('a frame is never higher than the terminal', async () => {
  await using watching = await watched('inventory', { size: () => ({ columns: 80, rows: 6 }) });
  await watching.shows(/… \d+ more lines/);
  const [first = ''] = watching.printed.out.split('\u001b[J');
  expect(first.match(/\n/g)).toHaveLength(5);
});

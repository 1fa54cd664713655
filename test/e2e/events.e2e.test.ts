/** Events and health of real instances, the leader's and a standby's; and an open stream at the end of the process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { type SyncJson, startSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

/** Reads the events of an instance, in the background, until it ends them. */
async function listen({ url }: WatcherProcess) {
  const response = await fetch(`${url}/v1/events`);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  let text = '';
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  })();
  ended.catch(() => undefined);
  const syncs = (): SyncJson[] =>
    [...text.matchAll(/^event: sync\ndata: (.*)\n\n/gm)].map(([, data]) => JSON.parse(data ?? ''));
  return {
    ended,
    /** Waits for an event with a property. */
    until: (what: string, condition: (sync: SyncJson) => boolean) =>
      until(() => syncs().find(condition), { what }),
  };
}

async function health({ url }: WatcherProcess) {
  const response = await fetch(`${url}/v1/syncs/shop/health`);
  return { status: response.status, body: await response.json() };
}

const setup = `CREATE TABLE note (id int PRIMARY KEY); INSERT INTO note VALUES (1)`;

test('the events of a leader and of its standby; a process ends its open streams', async () => {
  await using sync = await startSync({ setup });
  const dir = await mkdtemp(join(tmpdir(), 'watcher-second-'));
  try {
    const config = await readFile(sync.watcher.configFile, 'utf8');
    await using second = await startWatcher({ config, dir });
    const events = await listen(sync.watcher);
    const standby = await listen(second);
    await standby.until(
      'it stands by, with the fields of its leader',
      ({ state, position, dump }) =>
        state === 'standby' && position !== null && dump.state === 'done',
    );
    await sync.sql('INSERT INTO note VALUES (2)');
    await events.until('the change', ({ counters }) => counters.transactions === 1);
    await standby.until('the change, as its leader published it', ({ counters, state }) => {
      return state === 'standby' && counters.transactions === 1;
    });
    expect(await health(second)).toMatchObject({
      status: 200,
      body: { state: 'standby', leader_state: 'streaming', healthy: true, stalled: false },
    });

    // The source refuses the leader: both say so.
    const { name, server } = sync.database;
    const admin = new pg.Client({ ...server, database: 'postgres' });
    await admin.connect();
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await sync.sql(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    const unwell = async () => (await health(second)).status === 503;
    await until(unwell, { what: 'the health of the standby is that of its leader' });
    expect((await health(second)).body).toMatchObject({ healthy: false, state: 'standby' });
    expect((await health(sync.watcher)).status).toBe(503);
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await admin.end();

    expect(await sync.watcher.stop()).toBe(0);
    expect(sync.watcher.log.at(-1)).toMatchObject({ msg: 'stopped' });
    // It fails if the stream was cut off.
    await events.ended;
    await standby.until('it leads', ({ state }) => state === 'streaming');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

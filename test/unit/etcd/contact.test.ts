import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import { followContact } from '../../../src/etcd/contact.ts';
import { until } from '../../support/until.ts';

test('without a sync it is asked whether etcd can be reached; with one it is not', async () => {
  const contact = { everReached: false, reachable: false, message: 'not yet' as string | null };
  const state = { away: true, asked: 0, looked: 0, syncs: 0 };
  const logged: string[] = [];
  const note = (_fields: object, message: string): void => {
    logged.push(message);
  };
  const end = new AbortController();
  const following = followContact(
    {
      client: {
        async range({ key }) {
          expect(key.startsWith('/w/syncs/')).toBe(true);
          state.asked += 1;
          if (state.away) throw new WatcherError('etcd_unavailable', { message: 'refused' });
          return { kvs: [], count: 0, more: false, revision: 1n, bytes: 0 };
        },
      },
      statePrefix: '/w',
      contact,
      isAsked: () => {
        state.looked += 1;
        return state.syncs > 0;
      },
      log: { debug: note, info: note, warn: note, error: note },
      pauseMs: { first: 1, later: 1 },
    },
    end.signal,
  );
  await until(() => state.asked > 2, { what: 'it was asked again' });
  expect(contact).toEqual({ everReached: false, reachable: false, message: 'refused' });
  expect(logged).toHaveLength(1);

  state.away = false;
  await until(() => contact.everReached, { what: 'it was reached' });
  expect(contact).toEqual({ everReached: true, reachable: true, message: null });
  state.away = true;
  await until(() => !contact.reachable, { what: 'the outage shows' });
  expect(contact.everReached).toBe(true);
  await until(() => logged.length === 2, { what: 'it is logged' });

  state.syncs = 1;
  state.looked = 0;
  await until(() => state.looked > 1, { what: 'it has seen the sync' });
  const { asked } = state;
  await until(() => state.looked > 4, { what: 'it would have asked again' });
  expect(state.asked).toBe(asked);
  end.abort();
  await following;
});

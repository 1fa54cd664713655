import { expect, test } from 'vitest';
import {
  nextState,
  type SyncEvent,
  type SyncState,
  syncEvents,
  syncStates,
  transitions,
} from '../../../src/replication/lifecycle.ts';

test('every state knows every event', () => {
  expect(Object.keys(transitions).sort()).toEqual([...syncStates].sort());
  for (const state of syncStates) {
    expect(Object.keys(transitions[state]).sort()).toEqual([...syncEvents].sort());
  }
});

test('a stop leads from any state but stopped to stopping, and from there only to stopped', () => {
  for (const state of syncStates) {
    const expected = state === 'stopped' || state === 'stopping' ? null : 'stopping';
    expect(nextState(state, 'stop')).toBe(expected);
  }
  const out = syncEvents.map((event) => nextState('stopping', event)).filter((to) => to !== null);
  expect(out).toEqual(['stopped']);
});

test.for<[SyncEvent[], SyncState]>([
  [['start', 'lead', 'dump', 'stream'], 'streaming'],
  [['start', 'lead', 'stream', 'retry', 'start', 'lead', 'stream'], 'streaming'],
  [['start', 'wait', 'wait', 'lead', 'dump'], 'dumping'],
  [['start', 'lead', 'stream', 'give_up', 'start'], 'starting'],
  [['start', 'retry'], 'backing_off'],
  [['start', 'wait', 'retry'], 'backing_off'],
  [['start', 'lead', 'dump', 'retry', 'stop', 'ended'], 'stopped'],
])('%j leads to %s', ([events, expected]) => {
  let state: SyncState = 'stopped';
  for (const event of events) state = nextState(state, event) ?? state;
  expect(state).toBe(expected);
});

test('every state can be reached, and left', () => {
  const reached = new Set(syncStates.flatMap((state) => Object.values(transitions[state])));
  for (const state of syncStates) {
    expect(reached).toContain(state);
    expect(Object.values(transitions[state]).some((to) => to !== null)).toBe(true);
  }
});

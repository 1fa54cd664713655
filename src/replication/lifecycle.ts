/**
 * The states of a sync as data: which event leads where; null: the event has no meaning in that state.
 *
 *                    ┌──────────────── stop ────────────────┐
 *   stopped ─start─► starting ─lead─► (dump│stream) ──► dumping ─► streaming
 *      ▲                │ ▲                                 │          │
 *      │             wait │ lead                            └── fail ──┤
 *   ended               ▼ │                                            ▼
 *      │             standby        backing_off ◄─retry─┬── any attempt that threw
 *   stopping ◄─stop─ any            failed      ◄─give_up┘
 *
 * A reload leads from any state but stopped and stopping to starting.
 */
export const syncStates = [
  'stopped',
  'starting',
  'dumping',
  'streaming',
  'backing_off',
  'standby',
  'failed',
  'stopping',
] as const;

export type SyncState = (typeof syncStates)[number];

export const syncEvents = [
  /** desired became running, or an order to try at once */
  'start',
  /** another instance leads */
  'wait',
  /** this instance leads: an attempt begins */
  'lead',
  /** the first copy (or one anew after a gap) begins; nothing is streamed meanwhile */
  'dump',
  'stream',
  /** the attempt threw, another will follow after a delay */
  'retry',
  /** the attempt threw, and a person must act */
  'give_up',
  /** its configuration is another one now: a fresh attempt follows at once */
  'reload',
  'stop',
  /** what was running has ended after a stop */
  'ended',
] as const;

export type SyncEvent = (typeof syncEvents)[number];

type Row = Readonly<Record<SyncEvent, SyncState | null>>;

const never: Row = {
  start: null,
  wait: null,
  lead: null,
  dump: null,
  stream: null,
  retry: null,
  give_up: null,
  reload: null,
  stop: null,
  ended: null,
};

const attempt: Row = {
  ...never,
  wait: 'standby',
  dump: 'dumping',
  stream: 'streaming',
  retry: 'backing_off',
  give_up: 'failed',
  reload: 'starting',
  stop: 'stopping',
};

export const transitions: Readonly<Record<SyncState, Row>> = {
  stopped: { ...never, start: 'starting' },
  starting: { ...attempt, lead: 'starting' },
  dumping: attempt,
  streaming: attempt,
  backing_off: { ...never, start: 'starting', reload: 'starting', stop: 'stopping' },
  standby: {
    ...never,
    lead: 'starting',
    retry: 'backing_off',
    give_up: 'failed',
    reload: 'starting',
    stop: 'stopping',
  },
  failed: { ...never, start: 'starting', reload: 'starting', stop: 'stopping' },
  stopping: { ...never, ended: 'stopped' },
};

export function nextState(state: SyncState, event: SyncEvent): SyncState | null {
  return transitions[state][event];
}

/** What this page reads of a sync, as `GET /v1/events` sends it, and the words that it shows for it. */

export interface Sync {
  readonly name: string;
  readonly driver: string;
  readonly state: string;
  readonly desired: string;
  readonly instance: string | null;
  readonly position: Position | null;
  readonly source_position: Position | null;
  readonly lag: { readonly bytes: number | null; readonly seconds: number | null };
  readonly dump: Dump;
  readonly counters: Counters;
  readonly retained_log_bytes: number | null;
  readonly checkpoint: { readonly revision: number | null; readonly committed_at: string | null };
  readonly warnings: readonly Warning[];
  readonly last_error: LastError | null;
}

export type Position =
  | { readonly lsn: string }
  | { readonly gtid: string | null; readonly file: string; readonly offset: number };

export interface Dump {
  readonly state: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly percent: number | null;
  readonly eta_seconds: number | null;
  readonly tables: readonly TableDump[];
}

export interface TableDump {
  readonly table: string;
  readonly state: string;
  readonly rows: number;
  readonly rows_estimated: number | null;
}

export interface Counters {
  readonly transactions: number;
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  readonly truncates: number;
  readonly puts: number;
  readonly etcd_txns: number;
  readonly bytes: number;
}

export interface Warning {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly table: string | null;
}

export interface LastError {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly at: string;
  readonly retry_at: string | null;
}

/** How much a state asks of the person who looks: a colour, and never the only sign. */
export type Tone = 'good' | 'busy' | 'idle' | 'warn' | 'bad';

/** The filters of the page. */
export type Group = 'attention' | 'running' | 'standby' | 'stopped';

export interface StateWords {
  readonly label: string;
  readonly tone: Tone;
  readonly group: Group;
}

const states: Readonly<Record<string, StateWords>> = {
  stopped: { label: 'Stopped', tone: 'idle', group: 'stopped' },
  starting: { label: 'Starting', tone: 'busy', group: 'running' },
  dumping: { label: 'Dumping', tone: 'busy', group: 'running' },
  streaming: { label: 'Streaming', tone: 'good', group: 'running' },
  backing_off: { label: 'Backing off', tone: 'warn', group: 'attention' },
  standby: { label: 'Standby', tone: 'idle', group: 'standby' },
  failed: { label: 'Failed', tone: 'bad', group: 'attention' },
  stopping: { label: 'Stopping', tone: 'idle', group: 'stopped' },
};

/** A state that a later Watcher has added is shown by its own name. */
export function wordsOf(state: string): StateWords {
  return states[state] ?? { label: state, tone: 'idle', group: 'running' };
}

const drivers: Readonly<Record<string, string>> = { pgx: 'PostgreSQL', mysql: 'MySQL' };

export function driverName(driver: string): string {
  return drivers[driver] ?? driver;
}

/** The place in one short line; null: not known. */
export function shortPosition(position: Position | null): string | null {
  if (position === null) return null;
  return 'lsn' in position ? position.lsn : `${position.file}:${position.offset}`;
}

/** Everything that is known of the place: a GTID set may be long. */
export function fullPosition(position: Position | null): string {
  if (position === null) return '–';
  if ('lsn' in position) return position.lsn;
  const file = `${position.file}:${position.offset}`;
  return position.gtid === null ? file : `${position.gtid} (${file})`;
}

export interface Orders {
  readonly toggle: 'start' | 'stop';
  /** Whether `start` would try again at once. */
  readonly retry: boolean;
  /** Why a dump would be refused now; null: it would not. */
  readonly noDump: string | null;
}

/** Which orders have a meaning now (SPEC §8). */
export function ordersOf(sync: Sync): Orders {
  const stopped = sync.desired === 'stopped';
  return {
    toggle: stopped ? 'start' : 'stop',
    retry: !stopped && (sync.state === 'failed' || sync.state === 'backing_off'),
    noDump: whyNoDump(sync, stopped),
  };
}

function whyNoDump(sync: Sync, stopped: boolean): string | null {
  if (stopped || sync.state === 'stopped') return 'The sync is stopped: start it first';
  return sync.dump.state === 'running' ? 'A dump is running' : null;
}

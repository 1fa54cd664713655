/**
 * Whether a sync does its work (SPEC §8).
 *
 * 1. stalled: no.
 * 2. dumping or streaming: yes.
 * 3. standby: as its leader, which has published its state; no if there is none.
 * 4. any other state: no, and the state is the reason.
 */
import type { SyncStatus } from '../replication/status.ts';
import type { SyncHealthJson } from './schemas/health.ts';
import { lastErrorToJson } from './sync-json.ts';

export function syncHealth(status: SyncStatus): SyncHealthJson {
  const reason = reasonOf(status);
  return {
    name: status.name,
    state: status.state,
    leader_state: status.leaderState,
    healthy: reason === null,
    stalled: status.stalled,
    instance: status.instance,
    reason,
    last_error: lastErrorToJson(status.lastError),
  };
}

function reasonOf({ state, leaderState, stalled }: SyncStatus): SyncHealthJson['reason'] {
  const working = state === 'standby' ? leaderState : state;
  switch (working) {
    case 'dumping':
    case 'streaming':
      return stalled ? 'stalled' : null;
    case 'standby':
    case null:
      return 'no_leader';
    default:
      return working;
  }
}

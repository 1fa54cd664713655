/**
 * Whether a sync does its work (SPEC §8).
 *
 * 1. stalled: no.
 * 2. dumping or streaming: yes.
 * 3. standby: it answers for its leader, whose other fields it shows: yes if there is one and it has no error.
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
    healthy: reason === null,
    stalled: status.stalled,
    instance: status.instance,
    reason,
    last_error: lastErrorToJson(status.lastError),
  };
}

function reasonOf(status: SyncStatus): SyncHealthJson['reason'] {
  switch (status.state) {
    case 'dumping':
    case 'streaming':
      return status.stalled ? 'stalled' : null;
    case 'standby':
      if (status.instance === null) return 'no_leader';
      if (status.stalled) return 'stalled';
      return status.lastError === null ? null : 'leader_failing';
    default:
      return status.state;
  }
}

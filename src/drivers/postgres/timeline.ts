/** The history file of a timeline. Source: PostgreSQL documentation, TIMELINE_HISTORY and "Timelines". */
import { parseLsn } from '../../replication/position.ts';

export interface TimelineSwitch {
  /** The timeline that ended. */
  readonly timeline: number;
  /** Where it ended. */
  readonly at: bigint;
}

/** A line each: `1<TAB>0/3000060<TAB>no recovery target specified`; lines may be comments. */
export function parseTimelineHistory(text: string): readonly TimelineSwitch[] {
  return text
    .split('\n')
    .map((line) => /^\s*([0-9]+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ timeline: Number(match[1]), at: parseLsn(match[2] ?? '') }));
}

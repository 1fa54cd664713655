/** The leadership of one sync: kept over its attempts, published while it lasts, given up in order. */
import type { Coordination, Lead } from './coordination.ts';
import type { Log } from './log.ts';
import type { SyncStatus } from './status.ts';
import type { SyncBoard } from './sync-board.ts';

export interface LeadershipOptions {
  readonly board: SyncBoard;
  readonly coordination: Coordination;
  readonly encodeStatus: (status: SyncStatus) => string;
  /** Another instance leads. */
  readonly onStandby: () => void;
  /** It was held, and has ended by itself. */
  readonly onLost: () => void;
  readonly log: Log;
}

const sampleMs = 1_000;

export class Leadership {
  readonly #options: LeadershipOptions;
  #lead: Lead | null = null;
  #ended = new AbortController();
  #sampling: ReturnType<typeof setInterval> | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Whether it is held, as far as this instance knows. */
  get isHeld(): boolean {
    return this.#lead !== null && !this.#lead.lost.aborted;
  }

  /** Resolves once this instance leads; at once if it does. */
  async hold(signal: AbortSignal): Promise<Lead> {
    const { coordination, board, log, onStandby, onLost } = this.#options;
    if (this.#lead !== null && this.isHeld) return this.#lead;
    await this.letGo();
    const lead = await coordination.campaign(signal, (leader) => {
      board.leader = leader;
      if (board.state !== 'standby') log.info({ leader }, 'another instance leads: standing by');
      onStandby();
    });
    this.#lead = lead;
    board.leadershipBegan();
    this.#sampling = setInterval(() => this.#sample(lead), sampleMs);
    const lost = (): void => {
      board.leading = false;
      onLost();
    };
    // The signal is that of the lease, which outlives many leaderships.
    lead.lost.addEventListener('abort', lost, { signal: this.#ended.signal });
    return lead;
  }

  async letGo(): Promise<void> {
    const lead = this.#lead;
    this.#lead = null;
    this.#options.board.leading = false;
    this.#ended.abort();
    this.#ended = new AbortController();
    clearInterval(this.#sampling);
    try {
      await lead?.release();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the leadership ends with its lease');
    }
  }

  #sample(lead: Lead): void {
    const { board, encodeStatus } = this.#options;
    board.sample();
    if (!lead.lost.aborted) lead.publish(encodeStatus(board.status()));
  }
}

/** Why a call to the API did not get what it asked for. */

/** What went wrong, in words for a person. */
export interface Refusal {
  /** 0: there was no answer. */
  readonly status: number;
  readonly message: string;
  readonly remedy: string;
  /** How long to wait, as the server says. */
  readonly retryAfterSeconds: number | null;
}

export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

export const noAnswer: Refusal = {
  status: 0,
  message: 'Watcher does not answer',
  remedy: 'See that its process runs, and that it can be reached from here.',
  retryAfterSeconds: null,
};

export const notAToken: Refusal = {
  status: 401,
  message: 'This is not a token',
  remedy: 'Take one of api.tokens.',
  retryAfterSeconds: null,
};

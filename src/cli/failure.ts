/** Why a command did not do what it was asked for, and what the person can do next. */

/** Not a WatcherError: what a running Watcher answers may have a code that this version does not know. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly remedy: string;
  /** 1: it failed; 2: wrong usage or an invalid configuration. */
  readonly exitCode: 1 | 2;
  /** The code of the problem that was answered; null when it was not an answer that failed. */
  readonly code: string | null;

  constructor(
    message: string,
    remedy: string,
    more: { readonly exitCode?: 1 | 2; readonly code?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.remedy = remedy;
    this.exitCode = more.exitCode ?? 1;
    this.code = more.code ?? null;
  }
}

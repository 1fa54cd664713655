/** What a command has of the process around it; cli.ts makes it from `process`, a test from nothing. */

export type Format = 'bold' | 'cyan' | 'dim' | 'green' | 'red' | 'yellow';

/** Text in a colour, or as it is where the output takes none. */
export type Style = (format: Format, text: string) => string;

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly style: Style;
  /** To standard output. */
  readonly out: (text: string) => void;
  /** To standard error. */
  readonly err: (text: string) => void;
  /** Of the terminal at standard output, as it is now; null: it is none. */
  readonly size: () => { readonly columns: number; readonly rows: number } | null;
  readonly readFile: (path: string) => string;
  /** Between attempts to open a stream that broke, in milliseconds. */
  readonly pauseMs: number;
  /** Aborted when the person ends a command that goes on by itself; asked for by those only. */
  readonly interrupted: () => AbortSignal;
}

/** Where a running Watcher is, as the options of a command say it. */
export interface RemoteOptions {
  /** Without it, `WATCHER_URL`, and without that the default of `api.host` and `api.port`. */
  readonly url?: string;
  /** Path of a PEM file. */
  readonly ca?: string;
  readonly json?: boolean;
}

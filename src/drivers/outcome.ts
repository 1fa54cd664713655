/** The result of one preflight check. */
import type { ErrorCode } from '../errors.ts';
import { WatcherError } from '../errors.ts';
import type { Finding } from '../replication/driver.ts';

/** A finding, and what `prepare()` throws for it. */
export interface Outcome {
  readonly finding: Finding;
  readonly error: WatcherError | null;
}

interface Text {
  readonly message: string;
  readonly remedy: string;
}

export function ok(subject: string, message: string): Outcome {
  return { finding: { level: 'ok', subject, message, remedy: '' }, error: null };
}

export function warning(subject: string, { message, remedy }: Text): Outcome {
  return { finding: { level: 'warning', subject, message, remedy }, error: null };
}

export function failed(
  subject: string,
  code: ErrorCode,
  { message, remedy }: Text,
  table?: string,
): Outcome {
  const error = new WatcherError(code, { message, remedy, ...(table !== undefined && { table }) });
  return { finding: { level: 'failure', subject, message, remedy }, error };
}

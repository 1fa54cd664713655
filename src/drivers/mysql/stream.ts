/** The stream: the log is read, and made transactions of. */
import { WatcherError } from '../../errors.ts';
import type { StreamBinlog } from './log-access.ts';

// biome-ignore lint/correctness/useYield: until the reader and the assembler are there
export const streamBinlog: StreamBinlog = async function* streamBinlog() {
  throw new WatcherError('source_unsupported', { message: 'The binlog cannot be read yet' });
};

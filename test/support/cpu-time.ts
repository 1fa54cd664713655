import { cpuUsage } from 'node:process';

/** What a piece of work takes of the processor, in milliseconds; of three runs, the one that was disturbed least. */
export function cpuMsOf(work: () => void): number {
  const times = [1, 2, 3].map(() => {
    const begin = cpuUsage();
    work();
    const { user, system } = cpuUsage(begin);
    return (user + system) / 1_000;
  });
  return Math.min(...times);
}

/**
 * A signal that aborts on the first SIGINT, SIGTERM or SIGHUP. A further one ends the process at once, unless it comes within a
 * second: npm repeats the terminal's SIGINT, so that one Ctrl-C arrives twice.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    firstAt ??= performance.now();
    if (performance.now() - firstAt > 1_000) process.exit(1);
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, onSignal);
  return controller.signal;
}

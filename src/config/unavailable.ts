/**
 * What SPEC §4 has and this version has not: refused, for ignoring it in silence would be unsafe. Each part goes
 * with the work that brings it: the MySQL driver, the authentication.
 */
import { isLoopback } from './loopback.ts';
import type { Draft } from './normalise.ts';
import { childPath, type Report } from './report.ts';

export function refuseUnavailable({ config, syncs }: Draft, report: Report): void {
  for (const { path, sync } of syncs) {
    if (sync.driver === 'mysql') {
      report.add(driverPath(path, report), 'the driver mysql is not available in this version');
    }
  }
  if (config.api.tls !== null) {
    report.add('api.tls', 'TLS of the API is not available in this version');
  }
  if (config.api.tokens.length > 0) {
    report.add('api.tokens', 'tokens are not available in this version');
    if (!isLoopback(config.api.host)) {
      report.add(
        'api.host',
        'authentication is not available in this version, so only loopback can be served',
      );
    }
  }
}

/** In the older form the driver may have any of three names; the block that holds them is in the file. */
function driverPath(path: string, report: Report): string {
  if (path !== '') return childPath(path, 'driver');
  const names = ['database.driver', 'database.type', 'database.dialect'];
  return names.find((name) => report.isLocated(name)) ?? 'database';
}

/** A ConfigControl in memory, for tests of the API. */
import type { Config } from '../../src/config/config.ts';
import type { ConfigControl, ReloadReport } from '../../src/config/control.ts';
import { loadConfig } from '../../src/config/load.ts';

export const unchangedReport: ReloadReport = {
  dryRun: false,
  added: [],
  removed: [],
  changed: [],
  unchanged: ['inventory'],
  restartRequired: [],
  effects: [],
  leftovers: [],
};

/** @throws when it is not valid. */
export function configOf(content: object): Config {
  const result = loadConfig(JSON.stringify(content), {
    file: '/etc/watcher.yml',
    env: {},
    hostname: 'node-1',
    readFile: () => {
      throw new Error('there is no file');
    },
  });
  if ('config' in result) return result.config;
  throw new Error(JSON.stringify(result.violations));
}

export class StubConfiguration implements ConfigControl {
  config: Config = configOf({
    etcd: { endpoints: ['localhost:2379'] },
    syncs: { inventory: { database: { host: 'localhost', name: 'inventory' } } },
  });
  readonly reloads: boolean[] = [];
  ok = true;
  report: ReloadReport = unchangedReport;
  /** Thrown by every reload. */
  failure: unknown = null;

  current(): Config {
    return this.config;
  }

  async reload({ dryRun }: { readonly dryRun: boolean }): Promise<ReloadReport> {
    this.reloads.push(dryRun);
    if (this.failure !== null) throw this.failure;
    return { ...this.report, dryRun };
  }

  lastReloadOk(): boolean {
    return this.ok;
  }

  onReload(): void {}
}

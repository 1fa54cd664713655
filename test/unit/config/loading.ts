/** Loads configuration texts for the tests of this folder. */
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { Violation } from '../../../src/config/report.ts';

export interface World {
  readonly env?: Record<string, string>;
  /** By the path that is asked for. */
  readonly files?: Record<string, string>;
}

export function load(text: string, { env = {}, files = {} }: World = {}) {
  return loadConfig(text, {
    file: '/etc/watcher.yml',
    env,
    hostname: 'host-7',
    readFile: (path) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
      return content;
    },
  });
}

export function configOf(text: string, world: World = {}): Config {
  const result = load(text, world);
  if ('violations' in result) throw new Error(`refused: ${JSON.stringify(result.violations)}`);
  return result.config;
}

export function violationsOf(text: string, world: World = {}): readonly Violation[] {
  const result = load(text, world);
  if ('config' in result) throw new Error('accepted');
  return result.violations;
}

/** `path: message` of each violation. */
export function refusals(text: string, world: World = {}): string[] {
  return violationsOf(text, world).map(({ path, message }) => `${path}: ${message}`);
}

/** A file with one sync `a`; `block` is put into it, indented by four spaces. */
export function withSync(block: string, database = ''): string {
  return `etcd: { endpoints: [localhost:2379] }
syncs:
  a:
    database: { host: db, name: shop${database === '' ? '' : `, ${database}`} }
${block.replaceAll(/^/gm, '    ')}
`;
}

/** A file with the smallest sync; `block` stands at the top. */
export function withGlobal(block: string): string {
  const etcd = /^etcd:/m.test(block) ? '' : 'etcd: { endpoints: [localhost:2379] }\n';
  return `${etcd}syncs: { a: { database: { host: db, name: shop } } }\n${block}\n`;
}

/**
 * Writes openapi/openapi.json from the routes; with `--check` it only compares, and exits 1 when they differ.
 *   npx tsx tools/openapi.ts [--check]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { pino } from 'pino';
import { buildApp } from '../src/api/app.ts';
import type { ConfigControl } from '../src/config/control.ts';
import type { SyncControl } from '../src/replication/status.ts';

const file = new URL('../openapi/openapi.json', import.meta.url);

/** The document as the routes make it: the text of the committed file. */
export async function generateOpenapi(): Promise<string> {
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const app = buildApp({
    control: noSyncs,
    configuration: noConfiguration,
    logger: pino({ level: 'silent' }),
    version,
    node: process.versions.node,
  });
  try {
    const { statusCode, payload } = await app.inject('/openapi.json');
    if (statusCode !== 200) throw new Error(`/openapi.json answered ${statusCode}: ${payload}`);
    return `${JSON.stringify(JSON.parse(payload), null, 2)}\n`;
  } finally {
    await app.close();
  }
}

export async function committedOpenapi(): Promise<string> {
  return readFile(file, 'utf8');
}

const unused = (): never => {
  throw new Error('the document needs no sync');
};

const noSyncs: SyncControl = {
  list: () => [],
  get: unused,
  setDesired: unused,
  requestDump: unused,
  drop: unused,
  etcdContact: unused,
  observe: () => {},
};

const noConfiguration: ConfigControl = {
  current: unused,
  reload: unused,
  lastReloadOk: unused,
  onReload: () => {},
};

if (import.meta.filename === process.argv[1]) {
  const text = await generateOpenapi();
  if (!process.argv.includes('--check')) {
    await writeFile(file, text);
  } else if ((await committedOpenapi()) !== text) {
    console.error('openapi/openapi.json is not what the routes make: npm run openapi');
    process.exitCode = 1;
  }
}

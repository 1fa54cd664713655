/** `watcher check`: looks at etcd and every database of the configuration, changes nothing, prints what it found. */
import type { CommandOptions } from './commands.ts';
import type { Config, EtcdConfig, SyncConfig } from './config/config.ts';
import { driverFactory } from './drivers/create.ts';
import { toWatcherError, WatcherError } from './errors.ts';
import { createEtcdClient, type EtcdClient } from './etcd/client.ts';
import { stateKeys } from './etcd/state-keys.ts';
import { formatFindings } from './findings.ts';
import { loadOrReport } from './main.ts';
import type { Finding } from './replication/driver.ts';
import { compileTemplate } from './replication/key-template.ts';
import { etcdClientOptions } from './service.ts';

const sourceTimeoutMs = 60_000;
/** An etcd that is up answers in milliseconds; `dial_timeout` is the patience of the service, not of a person. */
const etcdTimeoutMs = 10_000;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** @returns the exit code: 0 also with warnings, 1 after a failure, 2 when the configuration is invalid. */
export async function check({ configFile }: CommandOptions): Promise<number> {
  const config = loadOrReport(configFile);
  if (config === null) return 2;
  const client = createEtcdClient(etcdClientOptions(config.etcd));
  try {
    const sections = [
      { title: 'etcd', findings: await checkEtcd(config, client) },
      ...(await Promise.all(config.syncs.map((sync) => checkSync(sync, config.etcd)))),
    ];
    process.stdout.write(formatFindings(sections));
    const failed = sections.some(({ findings }) => findings.some(isFailure));
    return failed ? 1 : 0;
  } finally {
    client.close();
  }
}

function isFailure({ level }: Finding): boolean {
  return level === 'failure';
}

async function checkEtcd(config: Config, client: EtcdClient): Promise<Finding[]> {
  const { statePrefix, endpoints, dialTimeoutMs } = config.etcd;
  const findings: Finding[] = [];
  const timeoutMs = Math.min(dialTimeoutMs, etcdTimeoutMs);
  try {
    const { checkpoint } = stateKeys(statePrefix, 'check');
    await client.connect(checkpoint, timeoutMs);
    const message = `${endpoints.join(', ')} answers and lets the keys under ${statePrefix} be read`;
    findings.push({ level: 'ok', subject: 'connection', message, remedy: '' });
    findings.push(await usable(client, 'own keys', checkpoint));
    for (const sync of config.syncs) {
      findings.push(await usable(client, `keys of ${sync.name}`, rowPrefix(sync)));
    }
  } catch (error) {
    findings.push(failure('connection', error));
  }
  return findings;
}

/** A key prefix of the sync: any table's will do, permissions are given by prefix. */
function rowPrefix(sync: SyncConfig): string {
  const scope = { sync: sync.name, database: sync.database.names[0] ?? '' };
  const [schema = '', table = ''] = (sync.tables.include[0] ?? '').split('.', 2);
  return compileTemplate(sync.keys.template, scope)(schema, table);
}

/** No key was ever changed at this revision. */
const impossibleRevision = 2n ** 63n - 1n;

/**
 * etcd looks at the rights of all operations of a transaction before it compares: this one asks to read and to write,
 * and never does either.
 */
async function usable(client: EtcdClient, subject: string, key: string): Promise<Finding> {
  try {
    await client.txn({
      compare: [{ key, target: 'mod', revision: impossibleRevision }],
      success: [
        { kind: 'range', key, countOnly: true },
        { kind: 'put', key, value: '' },
      ],
    });
    const message = `Keys like ${key}… can be read and written`;
    return { level: 'ok', subject, message, remedy: '' };
  } catch (error) {
    return failure(subject, error);
  }
}

async function checkSync(
  sync: SyncConfig,
  etcd: EtcdConfig,
): Promise<{ title: string; findings: Finding[] }> {
  const title = `sync ${sync.name}`;
  const driver = await driverFactory(sync, etcd, silent)();
  // Not AbortSignal.timeout: Node 20 may collect it while only AbortSignal.any refers to it.
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(noAnswer()), sourceTimeoutMs);
  try {
    const findings = await driver.check(over.signal);
    return { title, findings: [...findings] };
  } catch (error) {
    return { title, findings: [failure('source', error)] };
  } finally {
    clearTimeout(timer);
    await driver.close();
  }
}

function noAnswer(): WatcherError {
  const message = `The source did not answer within ${sourceTimeoutMs / 1000} s`;
  return new WatcherError('source_unavailable', { message });
}

function failure(subject: string, error: unknown): Finding {
  const { message, remedy } = toWatcherError(error);
  return { level: 'failure', subject, message, remedy };
}
